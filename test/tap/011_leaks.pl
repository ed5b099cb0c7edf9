# Values that come in by bound parameters are in no file of the server's: heap,
# write-ahead log, server log; nor in anybody's sight. The same for what the server makes
# and gives out, and for what fails with the value in hand.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

# Everything is logged that can be, in every format; but for the parameters themselves, since values
# stand here where names belong, and in functions that are known to nobody (040 has them).
my $node = new_node('leaks', start => 0, extension => 0, conf => <<'END');
wal_level = replica
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = verbose
log_min_messages = debug1
log_connections = on
log_lock_waits = on
logging_collector = on
secrets.max_value_size = 4000
END
my $logs = $node->basedir . '/logs';
my $json = $node->pg_version >= 15 ? ',jsonlog' : '';
configure($node, "log_destination = 'stderr,csvlog$json'\nlog_directory = '$logs'\n");
$node->start;
value($node, 'CREATE EXTENSION secrets');

# ---- by bound parameters: psql has no way before 16, pgbench always had ----

# { rc, err } of one statement with :names bound.
sub bound
{
	my ($sql, $mode, %variables) = @_;
	my $script = $node->basedir . '/statement.sql';
	my ($out, $err) = ('', '');

	open my $file, '>', $script or die $!;
	print $file "$sql;\n";
	close $file;
	my $ok = IPC::Run::run([ 'pgbench', '-n', '-c', '1', '-t', '1', '-M', $mode, '-f', $script, (map { ('-D', "$_=$variables{$_}") } keys %variables),
			$node->connstr('postgres') ], '>', \$out, '2>', \$err);
	return { ok => $ok, err => $err };
}

my %canaries;
my $made = 0;

# A new one, and under which name it is looked for.
sub canary
{
	my ($what) = @_;
	my $canary = sprintf 'CANARY%08x%04d', int(rand(0xffffffff)), ++$made;

	$canaries{$what . ' ' . $made} = $canary;
	return $canary;
}

# As text, as the hex of its bytes, as base64, in every place that it may start at, and as
# the numbers that a printed plan has for bytes.
sub spellings
{
	my ($canary) = @_;
	my @spellings = ($canary, unpack('H*', $canary), uc unpack('H*', $canary), join(' ', map { ord } split //, $canary));

	foreach my $shift (0 .. 2)
	{
		my $encoded = encode_base64('x' x $shift . $canary, '');
		push @spellings, substr($encoded, 4, length($encoded) - 9);
	}
	return @spellings;
}

# Everything there is on disk, and what others may see.
sub nowhere
{
	my ($name) = @_;
	my @spellings = map { spellings($_) } values %canaries;

	value($node, 'CHECKPOINT');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @found = (files_with($node->data_dir, @spellings), files_with($logs, @spellings), files_with($node->logfile, @spellings));
	is_deeply(\@found, [], "$name: in no heap file, WAL or log") or tell_of(@found);
	is(value($node, q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CAN' || 'ARY%'}), 0, "$name: not in pg_stat_activity");
	return;
}

sub tell_of
{
	foreach my $file (@_)
	{
		my $text = slurp_file($file);
		foreach my $what (sort keys %canaries)
		{
			foreach my $spelling (spellings($canaries{$what}))
			{
				my $at = index($text, $spelling);
				diag("$what in $file: ..." . (substr($text, $at > 300 ? $at - 300 : 0, 400) =~ s/[^ -~\n]/?/gr)) if $at >= 0;
			}
		}
	}
	return;
}

# The search finds what is there: a literal that has nothing to do with us is in the log.
my $literal = 'VISIBLE' . int(rand(1e9));
value($node, "SELECT '$literal'");
wait_for(sub { scalar(files_with($logs, $literal)) >= 2 }, 'the logs');
cmp_ok(scalar files_with($logs, $literal), '>=', 2, 'a literal is in the logs: they log, and the search finds');
is(scalar(files_with($node->data_dir, $literal)), 0, 'but not in the data directory');

# ---- what succeeds ----

foreach my $mode ('extended', 'prepared')
{
	my @calls = (
		[ 'put', 'SELECT secrets.put(:n, :v)' ],
		[ 'put again', 'SELECT secrets.put(:n, :v, description => :d, expires_at => :e)', d => 'a description', e => '2101-01-01' ],
		[ 'put jsonb', 'SELECT secrets.put(:n, jsonb_build_object(\'key\', :v::text))' ],
		[ 'put_bytes', 'SELECT secrets.put_bytes(:n, convert_to(:v, \'UTF8\'))' ],
		[ 'put, large', 'SELECT secrets.put(:n, :v)', v => canary('large') x 100 ],
		[ 'put, with request_id', 'SELECT secrets.put(:n, :v, options => jsonb_build_object(\'request_id\', :r::text))', r => '11111111-2222-3333-4444-555555555555' ],
		[ 'patch', 'SELECT secrets.patch(\'json\', :v::text)', v => '{"a": "' . canary('patch') . '"}' ],
		[ 'patch jsonb', 'SELECT secrets.patch(\'json\', :v::jsonb)', v => '{"b": {"c": "' . canary('patch jsonb') . '"}}' ],
		[ 'inbox', 'INSERT INTO secrets.inbox (name, value) VALUES (:n, :v)' ],
		[ 'read by', 'SELECT secrets.get(:n), secrets.try_get(:n), secrets.get_bytes(:n)', n => "put/$mode" ],
		[ 'rename', 'SELECT secrets.rename(:n, :m)', n => "put/$mode", m => "renamed/$mode" ],
		[ 'get_all', 'SELECT * FROM secrets.get_all(:p)', p => '**' ],
		[ 'in a function', 'SELECT wrapped(:n, :v)' ]);

	value($node, q{SELECT secrets.put('json', '{}'::jsonb)});
	value($node, q{CREATE OR REPLACE FUNCTION wrapped(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put(n, v); END $$});
	foreach my $call (@calls)
	{
		my ($name, $sql, %given) = @$call;
		(my $path = $name) =~ s/[^a-z_]+/-/g;
		my %variables = (n => "$path/$mode", v => canary("$name, $mode"), %given);

		delete @variables{ grep { $sql !~ /:$_\b/ } keys %variables };
		my $result = bound($sql, $mode, %variables);
		ok($result->{ok}, "$mode: $name") or diag($result->{err});
	}
	is(value($node, "SELECT secrets.get('renamed/$mode')"), $canaries{ (grep { /^put, $mode / } keys %canaries)[0] }, "$mode: it is what was put");
}

# From a file, as psql 15 has a way in without literals.
my $copied = canary('copied');
open my $data, '>', $node->basedir . '/data' or die $!;
print $data "copied/1\t$copied\n";
close $data;
is(run_sql($node, '\\copy secrets.inbox(name, value) from ' . $node->basedir . '/data')->{state}, '', '\copy into the inbox');
is(value($node, q{SELECT secrets.get('copied/1')}), $copied, 'which reads');

# What the server makes, and what it gives out.
value($node, 'SELECT secrets.generate(k, k) FROM unnest(ARRAY[\'password\', \'token\', \'uuid\']) k');
$canaries{"generated $_"} = value($node, "SELECT secrets.get('$_')") foreach ('password', 'token', 'uuid');
value($node, q{SELECT secrets.generate('bytes', 'bytes')});
$canaries{'generated bytes'} = pack 'H*', substr value($node, q{SELECT secrets.get_bytes('bytes')}), 2;

# In cursors, sorts and sets.
run_sql($node, q{BEGIN; DECLARE c CURSOR FOR SELECT * FROM secrets.get_all('**'); FETCH 3 FROM c; FETCH ALL FROM c; COMMIT;
	SELECT * FROM secrets.get_all('**') ORDER BY value; EXPLAIN (ANALYZE, VERBOSE) SELECT secrets.get('password')});
run_sql($node, 'CALL secrets.rekey()');
value($node, 'SELECT secrets.rotate_master_key()');
run_sql($node, 'CALL secrets.rekey()');
nowhere('what succeeds');

# ---- what fails, with the value in hand ----

value($node, q{SELECT secrets.put('expired', 'x', expires_at => '2001-01-01'), secrets.put('text', 'no json')});
value($node, q{CREATE ROLE nobody LOGIN});

sub failures
{
	my ($round) = @_;
	my $canary = sub { canary("failing, $round") };
	my $long = $canary->();
	my @calls = (
		[ 'expired', '55000', 'SELECT secrets.put(\'expired\', :v)' ],
		[ 'lost check-and-set', '40002', 'SELECT secrets.put(\'text\', :v, if_version => 77)' ],
		[ 'check-and-set on what is not there', '40002', 'SELECT secrets.put(\'absent\', :v, if_version => 77)' ],
		[ 'too large', '54000', 'SELECT secrets.put(\'text\', :v)', v => $long x 400 ],
		[ 'too large, bytes', '54000', 'SELECT secrets.put_bytes(\'text\', convert_to(:v, \'UTF8\'))', v => $long x 400 ],
		[ 'value as name', '22023', 'SELECT secrets.put(:v, \'x\')', v => $canary->() . ' !' ],
		[ 'value as name of a read', '22023', 'SELECT secrets.get(:v)', v => $canary->() . ' !' ],
		[ 'value as name, absent', '42704', 'SELECT secrets.get(:v)' ],
		[ 'value as stage', '22023', 'SELECT secrets.get(\'text\', stage => :v)', v => $canary->() . ' !' ],
		[ 'value as field', '2203C', 'SELECT secrets.get(\'text\', :v)' ],
		[ 'value as pattern', '22023', 'SELECT * FROM secrets.get_all(:v)', v => $canary->() . '!' ],
		[ 'value as new name', '22023', 'SELECT secrets.rename(\'text\', :v)', v => $canary->() . '!' ],
		[ 'value as kind', '22023', 'SELECT secrets.generate(\'text\', :v)' ],
		[ 'value as option', '22023', 'SELECT secrets.put(\'text\', \'x\', options => jsonb_build_object(:v::text, 1))' ],
		[ 'value as request_id', '22023', 'SELECT secrets.put(\'text\', \'x\', options => jsonb_build_object(\'request_id\', :v::text))' ],
		[ 'value with a bad option', '22023', 'SELECT secrets.put(\'text\', :v, options => \'{"nothing": 1}\')' ],
		[ 'value with a description too long', '54000', 'SELECT secrets.put(\'text\', :v, description => repeat(\'x\', 3000))' ],
		[ 'NULL name', '22004', 'SELECT secrets.put(NULL, :v)' ],
		[ 'patch that is no JSON', '22032', 'SELECT secrets.patch(\'json\', :v::text)' ],
		[ 'patch that is nearly JSON', '22032', 'SELECT secrets.patch(\'json\', :v::text)', v => '{"a": "' . $canary->() . '"' ],
		[ 'patch of what is no JSON', '22032', 'SELECT secrets.patch(\'text\', :v::text)', v => '{"a": "' . $canary->() . '"}' ],
		[ 'inbox, bad name', '22023', 'INSERT INTO secrets.inbox (name, value) VALUES (\'no name!\', :v)' ],
		[ 'inbox, NULL name', '22004', 'INSERT INTO secrets.inbox (name, value) VALUES (NULL, :v)' ],
		[ 'inbox, expired', '55000', 'INSERT INTO secrets.inbox (name, value) VALUES (\'expired\', :v)' ],
		[ 'in a function', '55000', 'SELECT wrapped(\'expired\', :v)' ],
		[ 'no ciphertext', '22P02', 'SELECT (:v::text)::secrets.ciphertext' ],
		[ 'value as place of a root key', '22023', 'SELECT secrets.add_root_key(:v)' ],
		[ 'value as id of a root key', '42704', 'SELECT secrets.drop_root_key(:v)' ]);

	foreach my $call (@calls)
	{
		my ($name, $state, $sql, %given) = @$call;
		my %variables = (v => $canary->(), %given);
		my $before = scalar(my @before = logged_states());
		my $result = bound($sql, 'extended', %variables);
		my @states;

		wait_for(sub { (@states = logged_states()) > $before }, 'the error in the log') if !$result->{ok};

		ok(!$result->{ok} && $result->{err} =~ /ERROR:/, "$round: $name: fails") or diag($result->{err});
		unlike($result->{err}, qr/CANARY|portal .*with parameters/i, "$round: $name: nothing of it in what the client is told");
		is($states[-1], $state, "$round: $name: $state");
		as_a_name($round, $variables{v}) if $name eq 'value as name, absent';
	}
	# COPY quotes the line that it is at.
	open $data, '>', $node->basedir . '/data' or die $!;
	print $data "no name!\t" . $canary->() . "\n";
	close $data;
	my $result = run_sql($node, '\\copy secrets.inbox(name, value) from ' . $node->basedir . '/data');
	is($result->{state}, '22023', "$round: \\copy of a bad name: 22023");
	unlike($result->{err}, qr/CANARY/, "$round: nothing of the line in what the client is told");
	return;
}

# What could be a name, and was asked for as one, stands as a name in the audit, and nowhere else.
sub as_a_name
{
	my ($round, $canary) = @_;

	delete @canaries{ grep { $canaries{$_} eq $canary } keys %canaries };
	is_deeply([ files_with($logs, $canary) ], [], "$round: a name that is none is in no log");
	is(value($node, "SELECT outcome, reason FROM secrets.audit_log WHERE name = '$canary'"), 'failed|no such secret', 'but in the audit');
	return;
}

# The SQLSTATE of the error that the log has more than before; it is written by another process.
sub logged_states { return map { slurp_file($_) =~ /ERROR:  (\w{5}):/g } sort glob "$logs/*.log"; }

failures('parameters off');
nowhere('what fails');

# As a developer sets it, to see what failed: the parameters of errors in the log. Those of ours have none.
configure($node, 'log_parameter_max_length_on_error = -1', 'reload');
wait_for(sub { value($node, 'SHOW log_parameter_max_length_on_error') eq '-1' }, 'reload');
my $control = canary('control');
delete $canaries{ (grep { $canaries{$_} eq $control } keys %canaries)[0] };
like(bound('SELECT 1 / length(replace(:v::text, :v::text, \'\'))', 'extended', v => $control)->{err}, qr/portal with parameters.*$control/s,
	"with it, an error of PostgreSQL's own shows parameters");
failures('parameters of errors on');
nowhere('what fails, with parameters of errors on');

$node->stop;
nowhere_offline();

sub nowhere_offline
{
	my @spellings = map { spellings($_) } values %canaries;
	is_deeply([ files_with($node->data_dir, @spellings) ], [], 'after the server has stopped: in no file of the data directory');
	is_deeply([ files_with($_, forms_of($node->{root_key})) ], [], 'nor the root key') foreach ($node->data_dir, $logs);
	return;
}

done_testing();
