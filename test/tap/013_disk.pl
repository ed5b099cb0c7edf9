# A full disk: refused with 53100, nothing by halves, reads go on, and all works
# again when there is space.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('disk', start => 0, extension => 0, conf => "restart_after_crash = off\nautovacuum = off\n");
my $disk = full_disk($node) or plan skip_all => 'no C compiler, no full disk';

sub start { return $disk->start; }
sub disk_full { return $disk->full; }
sub disk_free { return $disk->free; }

start();
value($node, 'CREATE DATABASE other');
value($node, 'CREATE EXTENSION secrets');

disk_full();
refused($node, 'CREATE TABLE t AS SELECT repeat(md5(n::text), 200) FROM generate_series(1, 1000) n', '53100', qr/No space left on device/, 'the disk is full');
refused($node, 'CREATE EXTENSION secrets', '53100', qr/No space left/, 'CREATE EXTENSION', db => 'other');
disk_free();
is(value($node, q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^secrets'}, 'other'), 0, 'left nothing behind');
value($node, 'CREATE EXTENSION secrets', 'other');

# Values that do not fit into what is there.
my $large = q{repeat(md5('large'), 10000)};
value($node, "SELECT secrets.put('large', $large), secrets.put('small', 'small value'), secrets.put('json', jsonb_build_object('a', $large))");
value($node, q{SELECT count(secrets.put('many/' || n, repeat(md5(n::text), 60))) FROM generate_series(1, 200) n});
value($node, 'SELECT secrets.rotate_master_key()');
my $state = q{SELECT (SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM secrets_catalog.secret s), (SELECT md5(string_agg(v::text, ',' ORDER BY secret_id, version)) FROM secrets_catalog.version v),
	(SELECT count(*) FROM secrets_catalog.stage), (SELECT count(*) FROM secrets_catalog.master_key)};
my $before = value($node, $state);

disk_full();
my $session = open_session($node);
foreach my $sql (
	"SELECT secrets.put('large', $large || 'x')", "SELECT secrets.put('new', $large)", "SELECT secrets.put('small', $large)",
	"SELECT secrets.put_bytes('new', convert_to($large, 'UTF8'))", "SELECT secrets.patch('json', jsonb_build_object('b', $large))",
	q{SELECT secrets.rename('large', 'renamed')}, "INSERT INTO secrets.inbox (name, value) SELECT 'new/' || n, $large FROM generate_series(1, 3) n",
	q{SELECT count(secrets.put('more/' || n, repeat(md5(n::text), 60))) FROM generate_series(1, 1000) n})
{
	my $answer = $session->ask($sql);
	is($answer->{state}, '53100', "$sql: 53100") or diag($answer->{err});
}
is(value($node, $state), $before, 'nothing changed');
is($session->value("SELECT secrets.get('large') = $large, secrets.get('small')"), 't|small value', 'reads go on');
is($session->value('SELECT count(*), count(value), count(problem) FROM secrets.get_all(\'**\')'), '203|203|0', 'all of them');
is($session->value('SELECT count(*) FROM secrets.list()'), 203, 'list too');
is($session->value('SELECT secrets FROM secrets.status()'), 203, 'and status');
# A part may have room on pages that are there; it is a part of whole values.
my $rekey = $session->ask('CALL secrets.rekey(10)');
is($rekey->{state}, '53100', 'rekey: 53100') or diag($rekey->{err});
is(value($node, q{SELECT count(*) FROM secrets.get_all('**') WHERE problem IS NOT NULL}), 0, 'what it did and what it did not: all reads');
is($session->ask('SELECT secrets.seal(), secrets.unseal()')->{state}, '', 'seal and unseal need no disk');

disk_free();
is($session->value("SELECT secrets.put('large', $large || 'x'), secrets.put('new', $large)"), '2|1', 'with space again: put, in the same session');
is($session->ask('CALL secrets.rekey(10)')->{state}, '', 'rekey goes on');
is(status($node)->{remaining}, 0, 'to the end');
is($session->value(q{SELECT secrets.rename('large', 'renamed')}), '', 'rename');
is($session->value("SELECT secrets.get('renamed') = $large || 'x', secrets.get('renamed', version => 1) = $large"), 't|t', 'and it reads, every version');
$session->close;

# No room for the write-ahead log is the end of any server: what was acknowledged is there when it starts again.
disk_full();
my $acknowledged = 0;
foreach my $n (1 .. 2000)
{
	my $result = run_sql($node, join ';', map { "SELECT secrets.put('wal', '$n.$_ ' || repeat('x', 1000))" } 1 .. 20);
	my @done = split /\n/, $result->{out};
	$acknowledged = $done[-1] if @done;
	last if $result->{rc} == 2;
	value($node, 'SELECT pg_switch_wal()') if $n == 1;
	last if $result->{state} eq '53100' && !run_sql($node, 'SELECT pg_switch_wal()')->{out};
}
note("acknowledged: $acknowledged");
disk_free();
$node->stop('immediate', fail_ok => 1);
unlink $node->data_dir . '/postmaster.pid' if -e $node->data_dir . '/postmaster.pid' && !kill 0, (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
start();
my $current = $acknowledged ? value($node, q{SELECT secrets.current_version('wal')}) : 0;
cmp_ok($current, '>=', $acknowledged, 'after the write-ahead log had no room: what was acknowledged is there');
is(value($node, q{SELECT count(*) FROM secrets.get_all('**') WHERE problem IS NOT NULL}), 0, 'everything reads');
is(value($node, q{SELECT secrets.put('after', 'x')}), 1, 'and put works');
$node->stop;
unlike(slurp_file($node->logfile), qr/TRAP|XX000/, 'no failed assertion');

done_testing();
