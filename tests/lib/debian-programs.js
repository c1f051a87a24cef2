// Deterministic single-threaded programs of Debian, with work that makes them allocate. Each is [name, argv, input].

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const SQL = `
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
insert into t select i, 'row ' || i, i * 1.5 from n;
create index tb on t(b);
select count(*), sum(c), group_concat(b, ',') from t where b like '%9%' group by a % 7;
update t set b = upper(b) where a % 3 = 0;
select max(length(b)) from t;
`;

const PYTHON = `
import json, re
words = {str(i): [i] * (i % 50) for i in range(2000)}
text = json.dumps(words)
assert json.loads(text) == words
print(len(re.sub(r'[0-9]+', lambda m: m.group() * 2, text)))
keep = [bytearray(i) for i in range(1500)]
`;

const PERL = `
my %h; $h{$_ % 97} .= "line $_ " for 1 .. 5000;
my @s = sort { length $a <=> length $b or $a cmp $b } values %h;
(my $t = join ",", @s) =~ s/line (\\d+)/<$1>/g;
print length $t, "\\n";
`;

const GAWK = '{ n[$1 % 100] = n[$1 % 100] $2 } END { for (i = 0; i < 100; i++) t = t n[i]; print length(t) }';

// A repository whose objects and dates are always the same.
function repository(folder) {
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
    GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.org', GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  };
  const repo = path.join(folder, 'repository');
  const git = (...args) => execFileSync('git', args, { cwd: repo, env, stdio: 'pipe' });
  fs.mkdirSync(repo);
  git('init', '-q', '-b', 'main');
  for (let i = 0; i < 20; i++) {
    fs.writeFileSync(path.join(repo, `file${i % 5}`), `${i}\n`.repeat(200));
    git('add', '.');
    git('commit', '-q', '-m', `Change ${i}`);
  }
  return repo;
}

function programs(folder) {
  const numbers = Array.from({ length: 20000 }, (_, i) => `${(i * 7919) % 10007} word${i}\n`).join('');
  const text = path.join(folder, 'text');
  fs.writeFileSync(text, numbers);
  const array = JSON.stringify(Array.from({ length: 3000 }, (_, i) => ({ id: i, tag: `t${i % 13}` })));
  const repo = repository(folder);
  return [
    ['sqlite3', ['/usr/bin/sqlite3', ':memory:'], SQL],
    ['xz', ['/usr/bin/xz', '-T1', '-6', '-c', text]],
    ['bzip2', ['/usr/bin/bzip2', '-k', '-c', text]],
    ['python3', ['/usr/bin/python3', '-S', '-E', '-c', PYTHON]],
    ['perl', ['/usr/bin/perl', '-e', PERL]],
    ['git log', ['/usr/bin/git', '--no-pager', '-C', repo, 'log', '-p', '--stat']],
    ['jq', ['/usr/bin/jq', 'group_by(.tag) | map({(.[0].tag): length}) | add'], array],
    ['gawk', ['/usr/bin/gawk', GAWK, text]],
    ['bc', ['/usr/bin/bc', '-q', '-l'], 'scale = 300\na(1) * 4\nfor (i = 1; i < 200; i++) x = x + 2 ^ i / i\nx\n'],
    ['openssl', ['/usr/bin/openssl', 'dgst', '-sha256', '-hmac', 'key', text]],
    ['sed', ['/usr/bin/sed', '-E', 's/word([0-9]+)/<\\1>/g; $!N; P; D', text]],
    ['grep', ['/usr/bin/grep', '-E', '-c', '(1|22)+ word[0-9]*7$', text]],
    ['sort', ['/usr/bin/sort', '--parallel=1', '-k2', '-u', text]],
  ];
}

module.exports = { programs };
