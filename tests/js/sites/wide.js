'use strict';
// Two bytes a character (日本語), and lines that end as in the old days.
function wide() {
  return Buffer.allocUnsafeSlow(20301); //@ 20301 wide
}
exports.sites = [wide, () => Buffer.allocUnsafeSlow(20303)]; //@ 20303 exports.sites
