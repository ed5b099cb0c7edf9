# A streaming standby: it has its own place of the root key, reads, refuses writes
# as any standby does, and goes on when it is promoted.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1, conf => "max_connections = 20\n");

value($primary, q{SELECT secrets.put('app/db', 'one'), secrets.put('app/db', 'two'), secrets.put('json', '{"k": "v"}'::jsonb)});
value($primary, q{SELECT secrets.put_bytes('bytes', '\x00ff'), secrets.label('app/db', 'canary', 1)});
value($primary, q{SELECT secrets.rotate_master_key(), secrets.put('later', 'under the second master key')});
value($primary, q{CREATE TABLE mine AS SELECT value AS box FROM secrets_catalog.version});

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);

# First with no key of its own: it starts, sealed, and the primary is not concerned.
$standby->{root_path} = $standby->basedir . '/root.key';
set_root_key($standby, "file:$standby->{root_path}");
$standby->start;
state_is($standby, 'sealed', qr/root\.key" is missing/, 'a standby without a key starts, sealed');
is(status($primary)->{state}, 'ready', 'the primary is not concerned');
refused($standby, q{SELECT secrets.get('app/db')}, '58000', qr/secrets is sealed/, 'get');
is(value($standby, 'SELECT count(*) FROM mine'), 5, 'ciphertexts can be looked at');

# The wrong one.
my $wrong = new_key();
write_key($standby->{root_path}, $wrong);
value($standby, 'SELECT secrets.unseal()');
my $named = qr/wrong root key: the root key here is ${\ root_id($wrong)}, but this database needs ${\ root_id($primary->{root_key})}/;
state_is($standby, 'sealed', $named, 'the wrong key on the standby: named');
refused($standby, q{SELECT secrets.get('app/db')}, '58000', $named, 'get');

# The right one.
write_key($standby->{root_path}, $primary->{root_key});
value($standby, 'SELECT secrets.unseal()');
state_is($standby, 'ready', qr/^$/, 'the right key: ready');
is(status($standby)->{source}, "file:$standby->{root_path}", "from the standby's own place");
is(status($standby)->{secrets}, 4, 'status counts');
is(status($standby)->{remaining}, 4, 'status knows what rekey has to do');

my %reads = (
	q{SELECT secrets.get('app/db')} => 'two',
	q{SELECT secrets.get('app/db', version => 1)} => 'one',
	q{SELECT secrets.get('app/db', stage => 'canary')} => 'one',
	q{SELECT secrets.get('json', 'k')} => 'v',
	q{SELECT secrets.try_get('nothing')} => '',
	q{SELECT secrets.get_bytes('bytes')} => '\x00ff',
	q{SELECT string_agg(value, ',') FROM secrets.get_many('{later,app/db}')} => 'under the second master key,two',
	q{SELECT count(*), count(value), count(problem) FROM secrets.get_all('**')} => '4|3|1',
	q{SELECT secrets.current_version('app/db')} => 2,
	q{SELECT count(*) FROM secrets.list('app/**')} => 1,
	q{SELECT (secrets.describe('json')).content_type} => 'application/json',
	q{SELECT count(*) FROM secrets.secrets} => 4,
	q{SELECT count(*) FROM secrets.versions} => 5,
	q{SELECT count(*) FROM secrets.deleted} => 0,
	q{SELECT wraps, in_use FROM secrets.root_keys} => '2|t',
	q{SELECT length(secrets.random_password())} => 32);
is(value($standby, $_), $reads{$_}, "standby: $_") foreach sort keys %reads;
is(value($standby, "BEGIN ISOLATION LEVEL REPEATABLE READ; $_; COMMIT"), $reads{$_}, "in REPEATABLE READ: $_")
  foreach (q{SELECT secrets.get('app/db')}, q{SELECT count(*), count(value), count(problem) FROM secrets.get_all('**')});

my $counts = q{SELECT (SELECT count(*) FROM secrets_catalog.version), (SELECT count(*) FROM secrets_catalog.master_key)};
my $before = value($standby, $counts);
refused($standby, $_, '25006', qr/read-only|recovery/, "standby: $_") foreach (
	q{SELECT secrets.put('app/db', 'x')}, q{SELECT secrets.put('new', 'x')}, q{SELECT secrets.put('json', '{}'::jsonb)},
	q{SELECT secrets.put_bytes('bytes', 'x')}, q{SELECT secrets.patch('json', '{}'::text)}, q{SELECT secrets.generate('app/db')},
	q{SELECT secrets.generate('new')}, q{SELECT secrets.alter('app/db', 'd')}, q{SELECT secrets.label('app/db', 'x', 1)},
	q{SELECT secrets.rollback('app/db')}, q{SELECT secrets.rename('app/db', 'y')}, q{SELECT secrets.disable('app/db')},
	q{SELECT secrets.enable('app/db')}, q{SELECT secrets.delete('app/db')}, q{SELECT secrets.undelete('app/db')},
	q{SELECT secrets.destroy('app/db', 1)}, q{SELECT secrets.purge('app/db')}, q{SELECT secrets.watch('app/db')},
	q{INSERT INTO secrets.inbox (name, value) VALUES ('a', 'b')}, q{SELECT secrets.rotate_master_key()}, q{CALL secrets.rekey()},
	"SELECT secrets.add_root_key('file:$standby->{root_path}')", q{SELECT secrets.drop_root_key('0123456789abcdef')},
	q{DROP EXTENSION secrets});
is(value($standby, $counts), $before, 'nothing changed');

# What the primary does arrives, a new master key too.
sub caught_up { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush')); return; }
value($primary, q{SELECT secrets.put('app/db', 'three'), secrets.rename('json', 'json2'), secrets.rotate_master_key(), secrets.put('third', 'under a third')});
caught_up();
is(value($standby, q{SELECT secrets.get('app/db'), secrets.get('json2', 'k'), secrets.get('third')}), 'three|v|under a third', 'the standby follows');
my $session = open_session($standby);
is($session->value(q{SELECT secrets.get('app/db')}), 'three', 'a session on the standby');
run_sql($primary, 'CALL secrets.rekey()');
caught_up();
is($session->value(q{SELECT secrets.get('app/db')}), 'three', 'after a rekey on the primary');
is(status($standby)->{remaining}, 0, 'status of the standby: nothing remains');

# The extension dropped and made again: what the session remembers of the old tables is gone.
value($primary, q{CREATE DATABASE second});
value($primary, q{CREATE EXTENSION secrets; SELECT secrets.put('a', 'x'), secrets.put('b', 'y')}, 'second');
caught_up();
my $second = open_session($standby, 'second');
is($second->value(q{SELECT secrets.get('a')}), 'x', 'a database made meanwhile');
value($primary, q{SELECT secrets.delete(name), secrets.purge(name) FROM secrets.list(); DROP EXTENSION secrets; CREATE EXTENSION secrets; SELECT secrets.put('a', 'z')}, 'second');
caught_up();
is($second->value(q{SELECT secrets.get('a')}), 'z', 'dropped and created again on the primary');
$second->close;

# Each server is sealed for itself.
value($standby, 'SELECT secrets.seal()');
is($session->ask(q{SELECT secrets.get('app/db')})->{state}, '58000', 'the standby is sealed');
is(value($primary, q{SELECT secrets.get('app/db')}), 'three', 'while the primary is not');
value($primary, 'SELECT secrets.seal()');
value($standby, 'SELECT secrets.unseal()');
is($session->value(q{SELECT secrets.get('app/db')}), 'three', 'and the other way round');
value($primary, 'SELECT secrets.unseal()');

# Promotion.
$primary->stop;
$standby->promote;
wait_for(sub { value($standby, 'SELECT pg_is_in_recovery()') eq 'f' }, 'promotion');
is($session->value(q{SELECT secrets.get('app/db')}), 'three', 'promoted: the open session reads');
is($session->value(q{SELECT secrets.put('app/db', 'four')}), 4, 'and puts');
is(value($standby, q{SELECT secrets.get('app/db'), secrets.get('app/db', version => 1)}), 'four|one', 'old and new');
is(value($standby, q{SELECT secrets.rotate_master_key()}), 4, 'rotate_master_key');
is(run_sql($standby, 'CALL secrets.rekey()')->{state}, '', 'rekey');
is(status($standby)->{remaining}, 0, 'nothing remains');
$session->close;

$standby->stop;
is_deeply([ files_with($standby->data_dir, forms_of($primary->{root_key})) ], [], "the root key is in no file of the standby's");
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|XX000/, $_->name . ': no internal error') foreach ($primary, $standby);

done_testing();
