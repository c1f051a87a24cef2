// cpu-features: C++ by nan.

import features from 'cpu-features';
import { print } from '../common.mjs';

print(features());
