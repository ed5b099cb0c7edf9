# Changing the root key while everybody reads and writes; and the wrong one.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('rootkey');
my $dir = $node->basedir;
my @dbs = ('postgres', 'other');
my %keys = (old => $node->{root_key}, new => new_key(), third => new_key());
my %ids = map { $_ => root_id($keys{$_}) } keys %keys;

write_key("$dir/$_.key", $keys{$_}) foreach keys %keys;
value($node, 'CREATE DATABASE other');
value($node, 'CREATE EXTENSION secrets', 'other');
foreach my $db (@dbs)
{
	# Reads and writes until told to stop; every answer is checked.
	value($node, <<'END', $db);
CREATE TABLE stop (at timestamptz);
CREATE PROCEDURE work(mine text) LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
	PERFORM secrets.put(mine, 'value 0');
	COMMIT;
	LOOP
		IF secrets.get(mine) IS DISTINCT FROM 'value ' || n THEN
			RAISE EXCEPTION 'read something else';
		END IF;
		COMMIT;
		EXIT WHEN EXISTS (SELECT FROM stop);
		n := n + 1;
		PERFORM secrets.put(mine, 'value ' || n);
		COMMIT;
	END LOOP;
	RAISE NOTICE 'rounds: %', n;
END $$;
SELECT secrets.put('a', 'value of a');
END
}

# id:wraps:in_use of each registered root key
sub root_keys
{
	my ($db) = @_;
	return value($node, q{SELECT string_agg(id || ':' || wraps || ':' || in_use, ' ' ORDER BY added_at) FROM secrets.root_keys}, $db);
}

# ---- the change, with work going on in both databases ----

is(root_keys('postgres'), "$ids{old}:1:true", 'one root key, in use');
my @workers = map { open_session($node, $_) } @dbs;
$_->send("CALL work('worker')") foreach @workers;

foreach my $db (@dbs)
{
	is(value($node, "SELECT secrets.add_root_key('file:$dir/new.key')", $db), $ids{new}, "$db: add_root_key gives its id");
	is(root_keys($db), "$ids{old}:1:true $ids{new}:1:false", "$db: both wrap, the old one is in use");
	refused($node, "SELECT secrets.add_root_key('file:$dir/new.key')", '42710', qr/root key $ids{new} is there already/,
		"$db: adding it twice", db => $db);
	refused($node, "SELECT secrets.add_root_key('file:$dir/old.key')", '42710', qr/root key $ids{old} is there already/,
		"$db: adding the one in use", db => $db);
	is(value($node, 'SELECT secrets.rotate_master_key()', $db), 2, "$db: a new master key meanwhile");
	is(root_keys($db), "$ids{old}:2:true $ids{new}:2:false", "$db: which both root keys wrap");
	refused($node, "SELECT secrets.drop_root_key('$ids{old}')", '55000', qr/root key $ids{old} is the one in use.*HINT:.*unseal/s,
		"$db: dropping the one in use", db => $db);
}

rename write_key("$dir/tmp.key", $keys{new}), $node->{root_path} or die $!;
value($node, 'SELECT secrets.unseal()');
is(status($node)->{id}, $ids{new}, 'unseal() takes the new one from the configured place');
is(root_keys($_), "$ids{old}:2:false $ids{new}:2:true", "$_: the new one is in use") foreach @dbs;

# The place of the old one holds the new one by now: the next master key could not be wrapped for both.
refused($node, 'SELECT secrets.rotate_master_key()', '55000',
	qr/root key $ids{old} is registered, but cannot be had.*DETAIL:.*root key $ids{new} is there now.*HINT:.*drop_root_key/s,
	'rotate_master_key() while a registered root key cannot be had');
is(value($node, 'SELECT count(*) FROM secrets_catalog.master_key'), 2, 'no master key was made');

foreach my $db (@dbs)
{
	value($node, "SELECT secrets.drop_root_key('$ids{old}')", $db);
	is(root_keys($db), "$ids{new}:2:true", "$db: the old one is gone");
	is(value($node, q{SELECT sum(cardinality(wraps)) FROM secrets_catalog.master_key}, $db), 2, "$db: and so are its wraps");
	refused($node, "SELECT secrets.drop_root_key('$ids{old}')", '42704', qr/no such root key/, "$db: dropping it again", db => $db);
	refused($node, "SELECT secrets.drop_root_key('$ids{new}')", '55000', qr/is the one in use/, "$db: dropping the last", db => $db);
	is(value($node, 'SELECT secrets.rotate_master_key()', $db), 3, "$db: a third master key");
	is(root_keys($db), "$ids{new}:3:true", "$db: wrapped by the new one");
}

foreach my $db (@dbs)
{
	# However slow the machine is, there was work going on.
	wait_for(sub { value($node, q{SELECT secrets.current_version('worker')}, $db) > 12 }, 'the workers');
	value($node, 'INSERT INTO stop VALUES (now())', $db);
}
foreach my $i (0, 1)
{
	my $answer = $workers[$i]->answer;
	my ($rounds) = $answer->{err} =~ /rounds: (\d+)/;
	is($answer->{state}, '', "$dbs[$i]: nobody noticed") or diag($answer->{err});
	cmp_ok($rounds || 0, '>', 10, "$dbs[$i]: and there was work going on");
	$workers[$i]->close;
}
is(value($node, q{SELECT secrets.get('a')}, $_), 'value of a', "$_: reads on") foreach @dbs;
$node->restart;
is(value($node, q{SELECT secrets.get('a')}, $_), 'value of a', "$_: after a restart too") foreach @dbs;

# ---- what is refused ----

refused($node, "SELECT secrets.add_root_key($_->[0])", $_->[1], $_->[2], "add_root_key($_->[0])") foreach (
	[ 'NULL', '22004', qr/source must not be null/ ], [ q{''}, '22023', qr/begins with/ ],
	[ q{'vault:x'}, '22023', qr/begins with "file:" or "command:"/ ],
	[ "'$dir/third.key'", '22023', qr/begins with/ ], [ q{'file:third.key'}, '55000', qr/not an absolute path/ ],
	[ "'file:$dir/no-such.key'", '55000', qr/no-such\.key" is missing/ ],
	[ q{'command:/bin/false'}, '55000', qr/exit code 1/ ]);
refused($node, "SELECT secrets.drop_root_key($_->[0])", $_->[1], qr/./, "drop_root_key($_->[0])")
  foreach ([ 'NULL', '22004' ], [ q{''}, '42704' ], [ q{'x'}, '42704' ], [ q{'0123456789abcdeg'}, '42704' ], [ "'$ids{old}'", '42704' ],
	[ "'" . uc($ids{new}) . "0'", '42704' ]);

# A rotation that has not committed yet: the new wrap must not miss its key.
my $session = open_session($node);
my $waiting = open_session($node);
$session->ask('BEGIN');
is($session->value('SELECT secrets.rotate_master_key()'), 4, 'a rotation in a transaction');
$waiting->send("SELECT secrets.add_root_key('file:$dir/third.key')");
wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) == 1 }, 'add_root_key to wait');
$session->ask('COMMIT');
is($waiting->answer->{out}, $ids{third}, 'add_root_key waits for it');
is(root_keys('postgres'), "$ids{new}:4:true $ids{third}:4:false", 'and wraps its key too');

# A second root key whose file is gone.
unlink "$dir/third.key";
refused($node, 'SELECT secrets.rotate_master_key()', '55000', qr/root key $ids{third} is registered.*third\.key" is missing/s,
	'rotate_master_key() with a registered root key that is gone');
is(value($node, q{SELECT secrets.put('a', 'a second time')}), 2, 'put goes on');
value($node, "SELECT secrets.drop_root_key('$ids{third}')");
is(value($node, 'SELECT secrets.rotate_master_key()'), 5, 'rotate_master_key() without it');

# A rollback leaves nothing behind.
$session->ask('BEGIN');
$session->ask('SELECT secrets.rotate_master_key()');
$session->ask(q{SELECT secrets.put('a', 'under a key that will not be')});
$session->ask('ROLLBACK');
is($session->value(q{SELECT secrets.put('a', 'a third time')}), 3, 'put after a rotation that was rolled back');
is(value($node, q{SELECT secrets.get('a')}), 'a third time', 'and another session reads it');
is(value($node, 'SELECT max(version) FROM secrets_catalog.master_key'), 5, 'the key is not there');
$_->close foreach $session, $waiting;

# Registered before there is a master key: the first one is wrapped by both.
value($node, 'CREATE DATABASE empty');
value($node, 'CREATE EXTENSION secrets', 'empty');
is(root_keys('empty'), '', 'a new database has no root key');
write_key("$dir/third.key", $keys{third});
is(value($node, "SELECT secrets.add_root_key('file:$dir/third.key')", 'empty'), $ids{third}, 'one is added first');
value($node, q{SELECT secrets.put('a', 'x')}, 'empty');
is(root_keys('empty'), "$ids{new}:1:true $ids{third}:1:false", 'the first master key is wrapped by both');

# ---- the wrong one ----

my $counts = q{SELECT (SELECT count(*) FROM secrets_catalog.secret), (SELECT count(*) FROM secrets_catalog.version),
	(SELECT count(*) FROM secrets_catalog.master_key), (SELECT count(*) FROM secrets_catalog.root_key),
	(SELECT md5(string_agg(v::text, ',' ORDER BY secret_id, version)) FROM secrets_catalog.version v),
	(SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM secrets_catalog.secret s)};
my $before = value($node, $counts);
my $wrong = new_key();
my $wrong_id = root_id($wrong);
my $named = qr/wrong root key: the root key here is $wrong_id, but this database needs $ids{new}/;

$session = open_session($node);
is($session->value(q{SELECT secrets.get('a')}), 'a third time', 'a session with a key in hand');
write_key($node->{root_path}, $wrong);
value($node, 'SELECT secrets.unseal()');
state_is($node, 'sealed', $named, 'the wrong root key: status names both ids');
is(status($node)->{id}, $wrong_id, 'the id of the one here');
foreach my $sql (
	q{SELECT secrets.get('a')}, q{SELECT secrets.get('a', version => 1)}, q{SELECT secrets.get_bytes('a')},
	q{SELECT * FROM secrets.get_many('{a}')}, q{SELECT * FROM secrets.get_all('**')},
	q{SELECT secrets.put('a', 'x')}, q{SELECT secrets.put('b', 'x')}, q{SELECT secrets.put_bytes('b', 'x')},
	q{SELECT secrets.patch('a', '{}'::text)}, q{SELECT secrets.generate('b')}, q{SELECT secrets.rename('a', 'b')},
	q{INSERT INTO secrets.inbox (name, value) VALUES ('b', 'x')},
	q{SELECT secrets.rotate_master_key()}, "SELECT secrets.add_root_key('file:$dir/old.key')",
	"SELECT secrets.drop_root_key('$ids{new}')", q{CALL secrets.rekey()})
{
	refused($node, $sql, '58000', qr/$named.*HINT:.*unseal/s, $sql);
}
is($session->ask(q{SELECT secrets.get('a')})->{state}, '58000', 'the session with a key in hand: refused too');
is(value($node, $counts), $before, 'nothing was written');
$node->restart;
state_is($node, 'sealed', $named, 'the same after a restart');
unlike(slurp_file($node->logfile), qr/does not verify/, 'never "does not verify"');
# A database that has no key yet is not wrong under it.
value($node, 'CREATE DATABASE fresh');
value($node, 'CREATE EXTENSION secrets', 'fresh');
value($node, q{SELECT secrets.put('a', 'x')}, 'fresh');
is(status($node, 'fresh')->{state}, 'ready', 'another database, first used under that key, is ready');

# The last registered root key stays, whatever is in memory.  The first change has made a master key, for the log.
value($node, 'CREATE DATABASE bare');
value($node, 'CREATE EXTENSION secrets', 'bare');
value($node, "SELECT secrets.add_root_key('file:$dir/third.key')", 'bare');
value($node, "SELECT secrets.drop_root_key('$ids{third}')", 'bare');
is(root_keys('bare'), "$wrong_id:1:true", 'a database without secrets, and one root key');
refused($node, "SELECT secrets.drop_root_key('$wrong_id')", '55000', qr/in use|the last/, 'which cannot be dropped', db => 'bare');

write_key($node->{root_path}, $keys{new});
value($node, 'SELECT secrets.unseal()');
state_is($node, 'ready', qr/^$/, 'the right one back: ready');
is(value($node, $counts), $before, 'and all as before');
is(value($node, q{SELECT secrets.get('a')}), 'a third time', 'which reads');
is(value($node, q{SELECT secrets.get('a', version => 1)}), 'value of a', 'an old version too');
refused($node, "SELECT secrets.drop_root_key('$wrong_id')", '58000', qr/wrong root key/, 'nor while another one is in memory', db => 'bare');
state_is($node, 'ready', qr/^$/, 'still ready');

# Another root key that wraps too opens it: so one can be kept in a safe.
write_key($node->{root_path}, $keys{third});
value($node, 'SELECT secrets.unseal()', 'empty');
is(value($node, q{SELECT secrets.get('a')}, 'empty'), 'x', 'the second root key opens a database by itself');
write_key($node->{root_path}, $keys{new});
value($node, 'SELECT secrets.unseal()');

# ---- wraps that somebody moved ----

value($node, q{CREATE TABLE kept AS SELECT key_id, wraps FROM secrets_catalog.master_key});
value($node, q{UPDATE secrets_catalog.master_key m SET wraps = k.wraps FROM kept k, kept o
	WHERE o.key_id = m.key_id AND k.key_id = (SELECT key_id FROM kept WHERE key_id <> m.key_id ORDER BY key_id LIMIT 1)});
value($node, 'SELECT secrets.unseal()');
refused($node, q{SELECT secrets.get('a')}, '58000', qr/root key $ids{new} is here, but its wrap of master key version 5 does not verify/,
	'wraps moved between master keys open nothing');
refused($node, q{SELECT secrets.put('a', 'x')}, '58000', qr/does not verify/, 'nor does anything get sealed under them');
value($node, q{UPDATE secrets_catalog.master_key m SET wraps = k.wraps FROM kept k WHERE k.key_id = m.key_id});
is(value($node, q{SELECT secrets.get('a')}), 'a third time', 'put back, they do');

# ---- and no key in a file or the log ----

$node->stop;
is_deeply([ files_with($node->data_dir, map { forms_of($_) } values %keys, $wrong) ], [], 'no root key in the data directory');
is_deeply([ files_with($node->logfile, map { forms_of($_) } values %keys, $wrong) ], [], 'nor in the log');

done_testing();
