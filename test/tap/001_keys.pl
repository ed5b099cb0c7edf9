# The root key: every way in which it cannot be had, said exactly; the server
# starts all the same; seal() and unseal() act in every session at once.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use MIME::Base64 qw(encode_base64);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('keys');
my $dir = $node->basedir;
my $key = $node->{root_key};
my $good = "file:$node->{root_path}";

value($node, q{SELECT secrets.put('a', 'value of a')});
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'with a root key: put and get');
my $status = status($node);
is($status->{state}, 'ready', 'status: ready');
is($status->{why}, '', 'status: nothing to say why');
is($status->{source}, $good, 'status: the place');
is($status->{id}, root_id($key), 'status: the id that the key has by definition');
is($status->{master}, 1, 'status: master key version');
like(log_since($node), qr/secrets: ready, with root key \Q${\ root_id($key)}\E from \Q$good\E/, 'the log says so at start');

# ---- each reason, at the start of the server ----

# The server starts, says why, refuses, and takes the key when it is there.
sub sealed_at_start
{
	my ($place, $why, $name) = @_;
	my $offset = -s $node->logfile;
	my $start = time;

	set_root_key($node, $place);
	$node->restart;
	cmp_ok(time - $start, '<', 30, "$name: the server starts");
	state_is($node, 'sealed', $why, "$name: status says why");
	refused($node, q{SELECT secrets.get('a')}, '58000', qr/secrets is sealed.*HINT:.*secrets\.status\(\)/s,
		"$name: get is refused with a hint");
	like(log_since($node, $offset), qr/LOG:  secrets: sealed: .*$why/, "$name: the log says why");
	refused($node, 'SELECT secrets.unseal()', '58000', $why, "$name: unseal says why");
	return;
}

sub a_file
{
	my ($name, $content, $mode) = @_;

	open my $file, '>', "$dir/$name" or die $!;
	print $file $content;
	close $file;
	chmod defined $mode ? $mode : 0600, "$dir/$name";
	return "file:$dir/$name";
}

my $hex = unpack('H*', $key);

sealed_at_start('', qr/secrets\.root_key is empty/, 'empty setting');
sealed_at_start("file:$dir/no-such-file", qr/no-such-file" is missing/, 'missing file');
sealed_at_start(a_file('open.key', "$hex\n", 0644), qr/open\.key" is readable by others/, 'world-readable file');
mkfifo("$dir/fifo.key", 0600) or die "mkfifo: $!";
sealed_at_start("file:$dir/fifo.key", qr/fifo\.key" is not a regular file/, 'FIFO');
sealed_at_start('vault:/x', qr/begins with neither file: nor command:/, 'unknown scheme');

# The rest by reload and unseal(): the same code, in less time.
sub stays_sealed
{
	my ($place, $why, $name) = @_;

	set_root_key($node, $place, 'reload');
	refused($node, 'SELECT secrets.unseal()', '58000', qr/secrets stays sealed.*DETAIL:.*$why.*HINT:/s, $name);
	state_is($node, 'sealed', $why, "$name: status says why");
	refused($node, q{SELECT secrets.put('b', 'x')}, '58000', qr/secrets is sealed/, "$name: put is refused");
	return;
}

stays_sealed(a_file('group.key', "$hex\n", 0640), qr/is readable by others/, 'group-readable file');
stays_sealed(a_file('empty.key', ''), qr/wrong length or form/, 'empty file');
stays_sealed(a_file('short.key', substr($hex, 1) . "\n"), qr/wrong length or form/, '63 digits');
stays_sealed(a_file('long.key', "${hex}0\n"), qr/wrong length or form/, '65 digits');
stays_sealed(a_file('twice.key', "$hex\n\n"), qr/wrong length or form/, 'two line ends');
stays_sealed(a_file('large.key', "$hex\n" x 10000), qr/wrong length or form/, 'a large file');
stays_sealed(a_file('nohex.key', 'g' x 64), qr/wrong length or form/, '64 characters that are no hex');
stays_sealed(a_file('nul.key', "\0" x 64), qr/wrong length or form/, '64 zero bytes');
symlink $node->{root_path}, "$dir/link.key" or die $!;
stays_sealed("file:$dir/link.key", qr/link\.key" is a symbolic link/, 'symbolic link');
mkdir "$dir/dir.key", 0700;
stays_sealed("file:$dir/dir.key", qr/dir\.key" is not a regular file/, 'directory');
write_key($node->data_dir . '/inside.key', $key);
stays_sealed('file:' . $node->data_dir . '/inside.key', qr/is inside the data directory/, 'inside the data directory');
symlink $node->data_dir, "$dir/way-in" or die $!;
stays_sealed("file:$dir/way-in/inside.key", qr/is inside the data directory/, 'inside it by way of a linked directory');
stays_sealed("file:$dir/way-in/base/../inside.key", qr/is inside the data directory/, 'inside it by way of ..');
unlink $node->data_dir . '/inside.key';
stays_sealed('file:root.key', qr/what follows file: is not an absolute path/, 'relative path');
stays_sealed('file:', qr/what follows file: is not an absolute path/, 'no path');
stays_sealed(unpack('H*', new_key()), qr/begins with neither file: nor command:/, 'the key itself as the place');
is(status($node)->{source}, '', 'which is not shown: it may be the key');
stays_sealed('command:echo', qr/what follows command: is not an absolute path/, 'command without a path');
stays_sealed("command:$dir/no-such-command", qr/no-such-command" failed/, 'no such command');
stays_sealed('command:/bin/false', qr/failed with exit code 1/, 'command that fails');
stays_sealed('command:/bin/echo nothing of use', qr/wrong length or form/, 'command that prints something else');
stays_sealed('command:/bin/true', qr/wrong length or form/, 'command that prints nothing');
stays_sealed('command:/bin/echo' . ' x' x 40, qr/too many arguments/, 'command with too many arguments');
stays_sealed("command:$dir/group.key", qr/failed with exit code 127/, 'command that is not executable');

# A script of ours, for what it does.
sub script
{
	my ($name, $body) = @_;

	open my $file, '>', "$dir/$name" or die $!;
	print $file "#!/bin/sh\n$body\n";
	close $file;
	chmod 0700, "$dir/$name";
	return "command:$dir/$name";
}

stays_sealed(script('signal.sh', 'kill -TERM $$'), qr/did not exit by itself/, 'command that dies of a signal');
stays_sealed(script('flood.sh', 'head -c 10000000 /dev/zero'), qr/wrong length or form/, 'command that prints 10 MB');
# It prints the key, and says at the end that it failed after all.
stays_sealed(script('late.sh', "echo $hex; exit 3"), qr/failed with exit code 3/, 'command that prints the key and fails');

sub comes_back
{
	my ($place, $name) = @_;

	set_root_key($node, $place, 'reload');
	value($node, 'SELECT secrets.unseal()');
	state_is($node, 'ready', qr/^$/, "$name: ready");
	is(value($node, q{SELECT secrets.get('a')}), 'value of a', "$name: get");
	return;
}

my $base64 = encode_base64($key, '');
comes_back("command:/bin/cat $node->{root_path}", 'command with an argument');
a_file('hex.txt', $hex);
comes_back("command:/bin/cat \t $dir/hex.txt", 'hex from a command, and blanks');
a_file('base64.txt', "$base64\n");
comes_back("command:/bin/cat $dir/base64.txt", 'base64 from a command');
comes_back(a_file('base64.key', "$base64\n", 0400), 'base64 in a file, mode 0400');
comes_back(a_file('crlf.key', "$hex\r\n"), 'hex with CR LF');
comes_back(a_file('bare.key', uc $hex), 'upper-case hex without a line end');
# Nothing of the server's: no standard input, no descriptors, and a stderr that goes nowhere.
comes_back(
	script('alone.sh', <<"END"), 'command alone with itself');
echo CANARY-ON-STDERR-$hex >&2
ls /proc/self/fd | tr '\\n' ' ' > $dir/descriptors
read -r line && exit 4
cat $node->{root_path}
END
unlike(slurp_file("$dir/descriptors"), qr/\b(?:[4-9]|\d\d+)\b/, "the command has none of the server's descriptors");
set_root_key($node, "command:$dir/alone.sh");
$node->restart;
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'a command at the start of the server');
unlike(log_since($node), qr/CANARY-ON-STDERR/, "a command's stderr is not in the log");

# ---- commands that take too long ----

# One at the start of the server, with a child that holds the pipe; two more at the
# same time from sessions: a grandchild only, and one that closes its output and stays.
set_root_key($node, $good);
my $slow = new_node('slow', extension => 0, start => 0);
my $mark = int(rand(1e6)) + 1e6;
my $slow_command = script('slow.sh', "sleep 1$mark & sleep 1$mark");
set_root_key($slow, $slow_command);
my %sessions;
$node->restart;
my %slow = (
	grandchild => script('grandchild.sh', "sleep 2$mark & cat $node->{root_path}"),
	lingers => script('lingers.sh', "cat $node->{root_path}; exec >&-; sleep 3$mark"),
	background => script('background.sh', "sleep 4$mark >/dev/null & echo " . 'ab' x 32));
foreach my $which (keys %slow)
{
	$sessions{$which} = open_session($node);
	# How long it took is asked right behind it, not when we come to it.
	$sessions{$which}->send("SELECT clock_timestamp() AS began \\gset\nSELECT secrets.add_root_key('$slow{$which}');\nSELECT clock_timestamp() - :'began' < interval '19 seconds'");
}
my $start = time;
$slow->start;
cmp_ok(time - $start, '>', 9, 'a slow command has its ten seconds');
cmp_ok(time - $start, '<', 60, 'and is not waited for, and the server starts');
$slow->safe_psql('postgres', 'CREATE EXTENSION secrets');
state_is($slow, 'sealed', qr/slow\.sh" took over 10 seconds/, 'status says that it took too long');

sub sleepers { my ($n) = @_; return scalar(grep { /sleep $n$mark/ } `ps -eo args`); }
# By itself none ends for days; who has been killed is there until the kernel comes to it.
sub are_dead
{
	my ($n, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(eval { wait_for(sub { sleepers($n) == 0 }, 'their end') }, $name);
}
are_dead(1, 'the slow command is dead, and so is its child');
my $answer = $sessions{grandchild}->answer;
is($answer->{state}, '55000', 'a child that holds the pipe for too long: 55000');
like($answer->{err}, qr/took over 10 seconds/, 'says so');
are_dead(2, "it is dead, though the command itself had ended");
$answer = $sessions{lingers}->answer;
is($answer->{state}, '55000', 'a command that does not end: 55000');
is($answer->{out}, 't', 'its ten seconds are counted once');
are_dead(3, 'it is dead');
$answer = $sessions{background}->answer;
is($answer->{state}, '', 'a command with a child in the background is taken') or diag($answer->{err});
are_dead(4, 'what it left behind is dead');
$_->close foreach values %sessions;

# A cancel does not wait for the command.
my $session = open_session($node);
my $pid = $session->value('SELECT pg_backend_pid()');
$session->send("SELECT secrets.add_root_key('" . script('cancel.sh', "sleep 5$mark") . "')");
wait_for(sub { sleepers(5) }, 'the command to run');
value($node, "SELECT pg_cancel_backend($pid)");
$answer = $session->answer;
ok($answer->{state} =~ /^(?:57014|55000)$/, 'a waiting add_root_key can be canceled');
unlike($answer->{err}, qr/took over 10 seconds/, 'at once');
are_dead(5, 'and its command is dead');
$slow->stop;

# ---- seal and unseal, in sessions that are open ----

my @open = map { open_session($node) } 1 .. 2;
foreach (@open)
{
	$_->ask(q{PREPARE p AS SELECT secrets.get('a')});
	is($_->value('EXECUTE p'), 'value of a', 'prepared statement, before');
}
$open[1]->ask('BEGIN');
value($node, 'SELECT secrets.seal()');
state_is($node, 'sealed', qr/sealed by secrets\.seal\(\)/, 'seal(): status says so');
is(status($node)->{id}, '', 'no root key in memory');
is($open[0]->ask('EXECUTE p')->{state}, '58000', 'seal() acts in an open session, on a prepared statement');
is($open[1]->ask('EXECUTE p')->{state}, '58000', 'and inside a transaction');
$open[1]->ask('ROLLBACK');
is($open[0]->ask(q{SELECT secrets.put('a', 'while sealed')})->{state}, '58000', 'put');
refused($node, $_, '58000', qr/secrets is sealed/, "sealed: $_") foreach (
	q{SELECT secrets.try_get('a')}, q{SELECT secrets.get_bytes('a')}, q{SELECT * FROM secrets.get_many('{a}')},
	q{SELECT * FROM secrets.get_all('**')}, q{SELECT secrets.put_bytes('a', 'x')}, q{SELECT secrets.patch('a', '{}'::text)},
	q{SELECT secrets.generate('a')}, q{SELECT secrets.current_version('a')}, q{SELECT * FROM secrets.list()},
	q{SELECT secrets.describe('a')}, q{SELECT secrets.alter('a', 'd')}, q{SELECT secrets.label('a', 'x', 1)},
	q{SELECT secrets.rollback('a', 1)}, q{SELECT secrets.rename('a', 'b')}, q{SELECT secrets.disable('a')},
	q{SELECT secrets.enable('a')}, q{SELECT secrets.delete('a')}, q{SELECT secrets.undelete('a')},
	q{SELECT secrets.destroy('a', 1)}, q{SELECT secrets.purge('a')}, q{SELECT secrets.watch('a')},
	q{SELECT * FROM secrets.secrets}, q{SELECT * FROM secrets.versions},
	q{INSERT INTO secrets.inbox (name, value) VALUES ('a', 'b')},
	"SELECT secrets.add_root_key('$good')", q{SELECT secrets.drop_root_key('0123456789abcdef')},
	q{SELECT secrets.rotate_master_key()}, q{CALL secrets.rekey()});
$node->stop('immediate');
$node->start;
is(status($node)->{state}, 'ready', 'a restart of the server unseals: the key is at its place');

value($node, 'SELECT secrets.seal()');
value($node, 'SELECT secrets.unseal()');
$_->close foreach @open;
@open = map { open_session($node) } 1 .. 2;
$_->ask(q{PREPARE p AS SELECT secrets.get('a')}) foreach @open;
foreach my $round (1 .. 20)
{
	$open[0]->ask('SELECT secrets.seal()');
	my $sealed = $open[1]->ask('EXECUTE p')->{state};
	$open[0]->ask('SELECT secrets.unseal()');
	my $unsealed = $open[1]->value('EXECUTE p');
	next if $sealed eq '58000' && $unsealed eq 'value of a';
	fail("round $round of seal and unseal: $sealed, $unsealed");
}
pass('20 rounds of seal and unseal, seen at once by the other session');
is(value($node, 'SELECT secrets.seal(), secrets.seal()'), '|', 'sealing twice is no error');
value($node, 'SELECT secrets.unseal()');
$_->close foreach @open;

# ---- the settings ----

refused($node, "ALTER SYSTEM SET secrets.root_key = 'file:/elsewhere'", '55P02', qr/cannot be changed/, 'ALTER SYSTEM root_key');
refused($node, "SET secrets.$_", '55P02', qr/cannot be changed now/, "SET secrets.$_")
  foreach ("root_key = 'file:/elsewhere'", 'max_value_size = 1000', 'max_versions = 1', 'allow_drop = on');
refused($node, 'SET secrets.allow_core = on', '55P02', qr/without restarting/, 'SET secrets.allow_core');
refused($node, 'ALTER ROLE CURRENT_USER SET secrets.allow_drop = on', '55P02', qr/cannot be changed now/, 'ALTER ROLE SET');
value($node, 'CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor; CREATE ROLE nobody LOGIN');
refused($node, 'SHOW secrets.root_key', '42501', qr/permission denied to examine|must be superuser or have privileges/, 'SHOW secrets.root_key by a nobody', params => [ '-U', 'nobody' ]);
is(run_sql($node, q{SELECT count(*) FROM pg_settings WHERE name = 'secrets.root_key'}, params => [ '-U', 'nobody' ])->{out},
	0, 'nor has pg_settings it');
refused($node, q{SELECT current_setting('secrets.root_key')}, '42501', qr/secrets\.root_key/, 'nor current_setting()',
	params => [ '-U', 'nobody' ]);
refused($node, $_, '42501', qr/permission denied/, "a nobody: $_", params => [ '-U', 'nobody' ])
  foreach ('SELECT secrets.seal()', 'SELECT secrets.unseal()', "SELECT secrets.add_root_key('$good')",
	q{SELECT secrets.drop_root_key('0123456789abcdef')}, 'SELECT secrets.rotate_master_key()', 'CALL secrets.rekey()',
	q{SELECT secrets.get('a')});
is(run_sql($node, q{SELECT count(*) FROM secrets.root_keys}, params => [ '-U', 'nobody' ])->{out}, 0,
	'a nobody sees no root keys');

# ---- what must be nowhere ----

$node->stop;
is_deeply([ files_with($node->data_dir, forms_of($key)) ], [], 'the root key is in no file of the data directory');
is_deeply([ files_with($node->logfile, forms_of($key)) ], [], 'the root key is not in the log');

done_testing();
