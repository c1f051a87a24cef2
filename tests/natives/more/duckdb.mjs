// @duckdb/node-api: C++ on N-API, jemalloc inside, threads.

import { DuckDBInstance } from '@duckdb/node-api';
import { print } from '../common.mjs';

const instance = await DuckDBInstance.create(':memory:', { threads: '4' });
const connection = await instance.connect();
await connection.run("create table t as select i, i % 97 as g, 'row ' || i as s from range(300000) r(i)");
const reader = await connection.runAndReadAll('select g, count(*)::int, sum(i)::varchar, max(s) from t group by g order by g limit 5');
print(reader.getRowsJson());
print(await connection.run('select nothing').catch(() => 'refused'));
connection.closeSync();
instance.closeSync();
