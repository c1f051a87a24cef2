// libsql: Rust by Neon, SQLite in it.

import Database from 'libsql';
import { print } from '../common.mjs';

const db = new Database('a.db');
db.exec('create table t(a integer, b text)');
const insert = db.prepare('insert into t values (?, ?)');
db.transaction(() => { for (let i = 0; i < 5000; i++) insert.run(i, `row ${i * 7919}`); })();
print(db.prepare('select a % 7 as g, count(*) as n, max(b) as m from t group by g').all());
try {
  db.exec('select nothing from nowhere');
} catch (error) {
  print(error.message);
}
db.close();
