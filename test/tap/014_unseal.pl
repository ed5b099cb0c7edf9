# What unseal() must not do to a healthy server, what it and seal() do to each
# other, and what a call meets whose catalogs are dropped while it waits.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('unseal');
my $good = "file:$node->{root_path}";

value($node, q{SELECT secrets.put('a', 'value of a')});

# A program that has the key, when it is let go.
my $slow = $node->basedir . '/slow.sh';
open my $file, '>', $slow or die "$slow: $!";
print $file "#!/bin/sh\ntouch $slow.began\nwhile [ ! -e $slow.go ]; do sleep 0.1; done\ncat $node->{root_path}\n";
close $file;
chmod 0700, $slow;

sub begun { unlink "$slow.began"; return sub { -e "$slow.began" }; }

# ---- a server that has its key keeps it ----

set_root_key($node, 'file:/nowhere/root.key', 'reload');
refused($node, 'SELECT secrets.unseal()', '58000', qr/the one in memory stays.*is missing/s, 'unseal() from a missing file');
state_is($node, 'ready', qr/^$/, 'the server goes on');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'and gives values out');

set_root_key($node, "command:$slow", 'reload');
refused($node, q{SET statement_timeout = '500ms'; SELECT secrets.unseal()}, '57014', qr/statement timeout/, 'unseal() cancelled');
state_is($node, 'ready', qr/^$/, 'the server goes on');

# Sealed, it stays sealed, and says the newest reason.
set_root_key($node, 'file:/nowhere/root.key', 'reload');
value($node, 'SELECT secrets.seal()');
refused($node, 'SELECT secrets.unseal()', '58000', qr/stays sealed.*is missing/s, 'unseal() of a sealed one');
state_is($node, 'sealed', qr/is missing/, 'the newest reason');

# ---- a seal() is not undone by an unseal() that began before ----

set_root_key($node, $good, 'reload');
value($node, 'SELECT secrets.unseal()');
set_root_key($node, "command:$slow", 'reload');
my $began = begun();
my $session = open_session($node);
$session->send('SELECT secrets.unseal()');
$session->{run}->pump_nb until $began->();
value($node, 'SELECT secrets.seal()');
append_to_file("$slow.go", '');
my $answer = $session->answer;
is($answer->{state}, '58000', 'the slow unseal() is refused');
like($answer->{err}, qr/meanwhile/, 'and says why');
state_is($node, 'sealed', qr/secrets\.seal\(\)/, 'sealed it is');
$session->close;

set_root_key($node, $good, 'reload');
value($node, 'SELECT secrets.unseal()');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'open again');

# ---- a master key whose wraps are gone seals nothing, though it is in memory ----

value($node, q{CREATE TABLE kept AS SELECT key_id, wraps FROM secrets_catalog.master_key;
	UPDATE secrets_catalog.master_key SET wraps = '{}'});
refused($node, q{SELECT secrets.put('a', 'lost')}, '58000', qr/wrap is gone/, 'put() under a key that nothing would open');
value($node, q{UPDATE secrets_catalog.master_key m SET wraps = k.wraps FROM kept k WHERE k.key_id = m.key_id; DROP TABLE kept});
is(value($node, q{SELECT secrets.put('a', 'second')}), 2, 'put() again');

# ---- DROP EXTENSION comes first ----

value($node, q{SELECT secrets.delete('a') > now(); SELECT secrets.purge('a')});
my $dropper = open_session($node);
$dropper->ask('BEGIN; DROP EXTENSION secrets');
my @waiting = map { my $s = open_session($node); $s->send($_); $s }
  (q{SELECT secrets.try_get('a')}, q{SELECT secrets.put('a', 'x')}, q{SELECT count(*) FROM secrets.get_all('**')}, 'SELECT secrets.rotate_master_key()');
wait_for(
	sub { value($node, q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.backend_type = 'client backend'}) == @waiting },
	'all of them to wait for the lock');
$dropper->ask('COMMIT');
foreach my $call (@waiting)
{
	my $got = $call->answer;

	like($got->{state}, qr/^(?:55000|42883|3F000)$/, 'a call that waited') or diag($got->{err});
	$call->close;
}
$dropper->close;

$node->stop;
done_testing();
