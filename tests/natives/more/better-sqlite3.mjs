// better-sqlite3: C++, SQLite in it.

import Database from 'better-sqlite3';
import { print } from '../common.mjs';

const db = new Database('a.db');
db.exec('create table t(a integer, b text)');
const insert = db.prepare('insert into t values (?, ?)');
db.transaction(() => { for (let i = 0; i < 5000; i++) insert.run(i, `row ${i * 7919}`); })();
db.function('twice', (x) => x * 2);
db.aggregate('longest', { start: '', step: (best, next) => (next.length > best.length ? next : best) });
print(db.prepare('select a % 7 as g, count(*) as n, sum(twice(a)) as s, longest(b) as m from t group by g').all());
const copy = new Database(db.serialize());
print(copy.pragma('integrity_check'));
copy.close();
db.close();
