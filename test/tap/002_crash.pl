# Crashes, other ways to run postgres, and who can read the server's memory.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

# A command that counts its runs, so that each one is seen.
my $node = new_node('crash', start => 0, extension => 0, conf => "restart_after_crash = on\n");
my $dir = $node->basedir;
my $runs = "$dir/runs";

open my $script, '>', "$dir/count.sh" or die $!;
print $script "#!/bin/sh\necho x >> $runs\ncat $node->{root_path}\n";
close $script;
chmod 0700, "$dir/count.sh";
sub runs { return -e $runs ? scalar(() = slurp_file($runs) =~ /x/g) : 0; }

set_root_key($node, "command:$dir/count.sh");

# ---- ways to run postgres that must not run the command, or must work ----

is(scalar run_ok('-C', 'secrets.root_key'), "command:$dir/count.sh", 'postgres -C shows the place');
is(scalar run_ok('-C', 'shared_memory_size'), run_ok('-C', 'shared_memory_size'), 'postgres -C of a computed setting');
is(runs(), 0, 'and does not run the command');

sub run_ok
{
	my @arguments = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'postgres', '-D', $node->data_dir, @arguments ], '<', \undef, '>', \$out, '2>', \$err)
	  or diag("postgres @arguments: $err");
	chomp $out;
	return $out;
}

$node->start;
is(runs(), 1, 'the command ran once at start');
value($node, 'CREATE EXTENSION secrets');
value($node, q{SELECT secrets.put('a', 'value of a')});
is(runs(), 1, 'and no more for the first master key');

# ---- kill -9 of a backend ----

sub kill_a_backend
{
	my $session = open_session($node);
	my $pid = $session->value(q{SELECT pg_backend_pid() FROM secrets.get_all('**')}) || $session->value('SELECT pg_backend_pid()');
	my $offset = -s $node->logfile;

	kill 'KILL', $pid;
	wait_for(sub { log_since($node, $offset) =~ /database system is ready to accept connections/ }, 'recovery');
	$session->close;
	return $offset;
}

kill_a_backend();
state_is($node, 'ready', qr/^$/, 'after the crash of a backend the key is still there');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'and opens');
is(runs(), 1, 'the command was not run again');
kill_a_backend() for 1 .. 2;
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'a second and a third crash');
is(runs(), 1, 'and still it ran once');

value($node, 'SELECT secrets.seal()');
kill_a_backend();
state_is($node, 'sealed', qr/sealed by secrets\.seal/, 'what was sealed stays sealed after a crash');
refused($node, q{SELECT secrets.get('a')}, '58000', qr/secrets is sealed/, 'and refuses');
is(runs(), 1, 'no run of the command');
value($node, 'SELECT secrets.unseal()');
is(runs(), 2, 'unseal() runs it');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'and brings it back');

$node->stop('immediate');
$node->start;
is(runs(), 3, 'an immediate stop and a start: the command runs');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'and the value is there');
$node->kill9;
wait_for(sub { !-e $node->data_dir . '/postmaster.pid' || !kill(0, (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]) },
	'the postmaster to be gone');
wait_for(sub { $node->start(fail_ok => 1) }, 'the start after kill -9 of the postmaster');
is(value($node, q{SELECT secrets.get('a')}), 'value of a', 'kill -9 of the postmaster');
my $before = runs();
value($node, q{SELECT secrets.put('a', 'value ' || n) FROM generate_series(1, 30) n});
$node->restart;
is(runs(), $before + 1, 'a restart runs it once');

# ---- single-user mode ----

$node->stop;
$before = runs();

sub single
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \"$sql\n", '>', \$out, '2>', \$err);
	return "$out\n$err";
}
like(single(q{SELECT secrets.get('a')}), qr/get = "value 30"/, 'single-user mode: get');
is(runs(), $before + 1, 'one run of the command');
like(single(q{SELECT secrets.put('single', 'put there')}), qr/put = "1"/, 'single-user mode: put');
like(single(q{SELECT state FROM secrets.status()}), qr/state = "ready"/, 'single-user mode: status');
like(single(q{SELECT secrets.seal()} . "\n" . q{SELECT secrets.get('a')}), qr/secrets is sealed/, 'single-user mode: seal');
$node->start;
is(value($node, q{SELECT secrets.get('single')}), 'put there', 'and what it put is there afterwards');
is(value($node, q{SELECT string_agg(action || ' ' || name, ', ' ORDER BY event_id) FROM (SELECT * FROM secrets.audit_log
	WHERE action IN ('read', 'write') AND application_name IS NULL ORDER BY event_id DESC LIMIT 2) l}), 'read a, write single', 'and in the log');
is(value($node, 'SELECT count(*) FROM secrets.verify_audit()'), 0, 'which is whole, after all of this');

# ---- memory: who can read it ----

value($node, q{CREATE ROLE reader LOGIN; GRANT pg_read_server_files TO reader;
	GRANT EXECUTE ON FUNCTION pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint) TO reader;
	GRANT EXECUTE ON FUNCTION pg_read_file(text), pg_read_file(text, bigint, bigint) TO reader});

sub postmaster { return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]; }
sub as_reader { my ($sql) = @_; return run_sql($node, $sql, params => [ '-U', 'reader' ]); }

my $control = as_reader(q{SELECT length(pg_read_binary_file('/proc/self/cmdline', 0, 10)) > 0});
is($control->{out}, 't', 'the role can read files of the server') or diag($control->{err});
my $session = open_session($node);
my $backend = $session->value('SELECT pg_backend_pid()');
foreach my $what ([ 'its own', 'self' ], [ "the postmaster's", postmaster() ], [ "another backend's", $backend ])
{
	foreach my $file ('mem', 'maps', 'environ', 'auxv')
	{
		next if $file eq 'maps' && $what->[1] eq 'self';	# one's own maps need no leave
		my $result = as_reader("SELECT length(pg_read_binary_file('/proc/$what->[1]/$file', 0, 16))");
		ok($result->{state} eq '42501' && $result->{err} =~ /Permission denied/, "$what->[0] $file: 42501")
		  or diag("$result->{out} $result->{err}");
	}
}
# What belongs to root in /proc is what may not be dumped.
is((stat('/proc/' . postmaster() . '/environ'))[4], 0, "the postmaster's entry in /proc is root's");
is((stat("/proc/$backend/environ"))[4], 0, "a backend's entry in /proc is root's");

# The page is locked: by the kernel's count, which either kind of mapping shows.
cmp_ok(numbers(postmaster())->{VmLck} || 0, '>=', 4, 'the postmaster has locked memory');

$session->close;
configure($node, 'secrets.allow_core = on', 'restart');
is(as_reader(q{SELECT length(pg_read_binary_file('/proc/self/environ', 0, 16))})->{state}, '',
	'secrets.allow_core = on: a process may be read');
is((stat('/proc/' . postmaster() . '/environ'))[4], $>, 'and its entry in /proc is its own');
is(value($node, q{SELECT secrets.get('single')}), 'put there', 'and secrets work');

# With the mapping before us: it is secret memory where the kernel has it, and
# then even this server's files do not show it; else it is locked, not dumped.
no warnings 'portable';	# addresses of more than 32 bits
my $maps = slurp_file('/proc/' . postmaster() . '/smaps');
if ($maps =~ /secretmem/)
{
	pass('the key page is secret memory (memfd_secret)');
	my ($start) = $maps =~ /^([0-9a-f]+)-[0-9a-f]+ .*secretmem/m;
	open my $mem, '<:raw', '/proc/' . postmaster() . '/mem' or die $!;
	sysseek($mem, hex $start, 0);
	ok(!defined sysread($mem, my $bytes, 4096), 'which cannot be read through /proc/PID/mem');
}
else
{
	my ($locked) = grep { /^Locked:\s+[1-9]/m && /VmFlags:.*\bdd\b/ } split /(?=^[0-9a-f]+-[0-9a-f]+ )/m, $maps;
	ok($locked, 'the key page is locked and marked not to be dumped');
	# This shows what PR_SET_DUMPABLE 0 protects: with allow_core = on the key is in sight.
	my $found = 0;
	if ($locked && $locked =~ /^([0-9a-f]+)-([0-9a-f]+)/)
	{
		open my $mem, '<:raw', '/proc/' . postmaster() . '/mem' or die $!;
		sysseek($mem, hex $1, 0);
		sysread($mem, my $bytes, hex($2) - hex($1));
		$found = index($bytes, $node->{root_key}) >= 0;
	}
	ok($found, 'the key is in that page (allow_core = on)');
}

# ---- and nothing of it anywhere else ----

$node->stop;
is_deeply([ files_with($node->data_dir, forms_of($node->{root_key})) ], [], 'the root key is in no file');
is_deeply([ files_with($node->logfile, forms_of($node->{root_key})) ], [], 'nor in the log');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no PANIC, no failed assertion');

done_testing();
