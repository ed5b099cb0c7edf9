# Whoever is refused, and whoever is warned: nothing of what they gave, and no value,
# is in what they are told, in the server log, or in any file (but for names, which are
# in the audit); with everything logged that can be.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('logs', conf => <<'END');
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = verbose
log_min_messages = debug1
log_min_error_statement = warning
log_connections = on
END

my $made = 0;
sub canary { return sprintf 'CANARY%08x%04d', int(rand(0xffffffff)), ++$made; }

sub nowhere
{
	my ($name) = @_;
	my $any = qr/CANARY|${\ unpack('H*', 'CANARY')}/;

	value($node, 'CHECKPOINT');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @words = ('CANARY', unpack('H*', 'CANARY'));
	my @found = (files_with($node->basedir, @words), files_with($node->logfile, @words));
	is_deeply(\@found, [], "$name: in no file, the log among them");
	is_deeply([ files_with($node->logfile, 'NAMED') ], [], "$name: no name in the log");
	foreach my $file (@found) { diag("$file: " . ($1 =~ s/[^ -~\n]/?/gr)) if slurp_file($file) =~ /(.{0,200}$any.{0,100})/s; }
	return;
}

# ---- who is there ----

value($node, <<'END');
CREATE ROLE stranger LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE giver LOGIN;
CREATE ROLE team;
GRANT team TO reader;
SELECT secrets.put('a/b', 'x'), secrets.put('a/json', '{}'::jsonb), secrets.put('a/c', 'x');
SELECT secrets.grant('read, list', 'a/b', 'reader'), secrets.grant('all, grant', 'g/**', 'giver');
CREATE FUNCTION in_function(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put(n, v); END $$;
END
my %client = map { $_ => open_client($node, user => $_) } qw(stranger reader giver postgres);

# Values that are there, and that nobody of these may have.
my $put = $client{postgres}->prepare('put', 'SELECT secrets.put($1, $2)');
is($put->run('put', 'a/b', canary())->{out}, 2, 'a value');
is($put->run('put', 'a/c', canary())->{out}, 2, 'and another');

my $literal = 'VISIBLE' . int(rand(1e9));
value($node, "SELECT secrets.can('read', '$literal')");
is(scalar files_with($node->logfile, $literal), 1, 'a literal is in the log: it logs, and the search finds');

# ---- refused ----

# [ who, SQLSTATE, statement, its parameters ]: CANARY in one is a new one each time, and so is NAMED,
# which is a name or a pattern: of these the audit tells.
my @calls = (
	# Who may not.
	(map { my $who = $_; map { [ $who, '42501', @$_ ] } (
			[ 'SELECT secrets.get($1)', 'NAMED/a' ],
			[ 'SELECT secrets.try_get($1)', 'NAMED/a' ],
			[ 'SELECT secrets.get_bytes($1)', 'NAMED/a' ],
			[ 'SELECT * FROM secrets.get_many($1)', '{a/c,NAMED/a}' ],
			[ 'SELECT secrets.current_version($1)', 'NAMED' ],
			[ 'SELECT secrets.put($1, $2)', 'NAMED/a', 'CANARY' ],
			[ 'SELECT secrets.put($1, $2)', 'a/c', 'CANARY' ],
			[ 'SELECT secrets.put($1, $2::jsonb)', 'a/json', '{"k": "CANARY"}' ],
			[ 'SELECT secrets.put_bytes($1, $2)', 'a/c', 'CANARY' ],
			[ 'SELECT secrets.patch($1, $2::text)', 'a/json', '{"k": "CANARY"}' ],
			[ 'SELECT secrets.put($1, $2, description => $3, tags => $4, options => $5)', 'a/c', 'CANARY', 'CANARY', '{"t": "CANARY"}', '{}' ],
			[ 'SELECT secrets.rename($1, $2)', 'a/c', 'NAMED/b' ],
			[ 'SELECT secrets.generate($1)', 'NAMED' ],
			[ 'SELECT in_function($1, $2)', 'a/c', 'CANARY' ],
			[ 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)', 'a/c', 'CANARY' ],
			[ 'SELECT secrets.grant($1, $2, $3)', 'read', 'NAMED/**', 'reader' ],
			[ 'SELECT secrets.grant($1, $2, $3, options => $4)', 'read', 'a/NAMED', 'CANARY', '{"ssl": true}' ],
			[ 'SELECT secrets.deny($1, $2, $3)', 'read', 'NAMED/**', 'public' ],
			[ 'SELECT secrets.revoke($1, $2, $3)', 'read', 'NAMED/**', 'CANARY' ],
			[ 'SELECT secrets.undeny($1, $2, $3)', 'read', 'NAMED/*', 'CANARY' ],
			[ 'SELECT secrets.can($1, $2, $3)', 'read', 'NAMED', 'postgres' ],
			[ 'SELECT secrets.can($1, $2, $3)', 'read', 'a/c', 'CANARY' ],
			[ 'SELECT * FROM secrets.explain($1, $2)', 'NAMED', 'CANARY' ]) } qw(stranger reader)),
	# Who gives elsewhere.
	[ 'giver', '42501', 'SELECT secrets.grant($1, $2, $3)', 'read', 'NAMED/**', 'reader' ],
	[ 'giver', '42704', 'SELECT secrets.grant($1, $2, $3)', 'read', 'g/a', 'CANARY' ],
	[ 'giver', '42704', 'SELECT secrets.revoke($1, $2, $3)', 'read', 'g/NAMED', 'CANARY' ],
	[ 'giver', '42704', 'SELECT secrets.get($1)', 'g/NAMED' ],
	# Who gives what is no such thing.
	(map { my $who = $_; map { [ $who, '22023', @$_ ] } (
			[ 'SELECT secrets.grant($1, $2, $3)', 'read, CANARY', 'g/**', 'reader' ],
			[ 'SELECT secrets.grant($1, $2, $3)', 'read', 'CANARY !', 'reader' ],
			[ 'SELECT secrets.deny($1, $2, $3)', '{CANARY}', 'g/**', 'reader' ],
			[ 'SELECT secrets.revoke($1, $2, $3)', 'CANARY', 'g/**', 'reader' ],
			[ 'SELECT secrets.undeny($1, $2, $3)', 'read', '/CANARY', 'reader' ],
			[ 'SELECT secrets.grant($1, $2, $3, options => $4)', 'read', 'g/**', 'reader', '{"CANARY": 1}' ],
			[ 'SELECT secrets.grant($1, $2, $3, options => $4)', 'read', 'g/**', 'reader', '{"ssl": "CANARY"}' ],
			[ 'SELECT secrets.can($1, $2)', 'CANARY', 'g/a' ],
			[ 'SELECT secrets.can($1, $2)', 'read', 'CANARY !' ],
			[ 'SELECT * FROM secrets.explain($1)', 'CANARY/' ] ) } qw(stranger giver postgres)),
	[ 'postgres', '42704', 'SELECT secrets.can($1, $2, $3)', 'read', 'a/b', 'CANARY' ],
	[ 'postgres', '42704', 'SELECT secrets.deny($1, $2, $3)', 'read', 'NAMED/x', 'CANARY' ]);

my $prepared = 0;
sub refusals
{
	my ($round) = @_;
	my (@wrong, @told);

	foreach my $call (@calls)
	{
		my ($who, $state, $sql, @values) = @$call;
		s/CANARY/canary()/ge, s/NAMED/'NAMED' . ++$made/ge foreach @values;
		my $name = 'p' . ++$prepared;
		my $answer = $client{$who}->prepare($name, $sql)->run($name, @values);

		push @wrong, "$who: $sql (@$call[3 .. $#$call]): $answer->{state} $answer->{err}" if $answer->{state} ne $state;
		push @told, "$who: $sql: $answer->{err} $answer->{notices}" if "$answer->{err}$answer->{notices}" =~ /CANARY|NAMED/;
	}
	is_deeply(\@wrong, [], "$round: " . @calls . ' calls, each refused with its SQLSTATE');
	is_deeply(\@told, [], "$round: nothing of it in what they are told");
	nowhere($round);
	return;
}

refusals('refused');
my $file = $node->basedir . '/data';
sub copy_in
{
	my ($round) = @_;

	open my $data, '>', $file or die $!;
	print $data "a/c\t" . canary() . "\n";
	close $data;
	my $result = run_sql($node, "\\copy secrets.inbox(name, value) from $file", params => [ '-U', 'stranger' ]);
	unlink $file;
	is($result->{state}, '42501', "$round: \\copy into the inbox");
	unlike($result->{err}, qr/CANARY/, "$round: the line is not told");
	nowhere("$round: \\copy");
	return;
}
copy_in('refused');

# ---- warned ----

my $warnings = 0;
sub warned
{
	my ($round) = @_;

	value($node, q{SELECT secrets.grant('read', 'a/**', 'reader'), secrets.grant('read', 'a/*', 'team'), secrets.grant('read', '**', 'public'), secrets.deny('write', 'a/**', 'public')});
	foreach my $call ([ 'revoke', 'read', 'a/CANARY', 'reader', 3 ], [ 'revoke', 'all', 'a/CANARY/**', 'team', 1 ], [ 'undeny', 'all', 'a/CANARY', 'reader', 1 ])
	{
		my ($verb, $privileges, $pattern, $grantee, $least) = @$call;
		my $name = 'p' . ++$prepared;

		$pattern =~ s/CANARY/canary()/e;
		my $answer = $client{postgres}->prepare($name, "SELECT secrets.$verb(\$1, \$2, \$3)")->run($name, $privileges, $pattern, $grantee);
		my $told = () = $answer->{notices} =~ /^WARNING:  01000: .* still /mg;
		is($answer->{out}, 0, "$round: $verb: there was no such rule");
		cmp_ok($told, '>=', $least, "$round: $verb: warned of what still holds");
		unlike($answer->{notices}, qr/CANARY/, "$round: $verb: without what was given");
		$warnings += $told;
	}
	value($node, q{DELETE FROM secrets_catalog.rule WHERE pattern IN ('a/**', 'a/*', '**')});
	nowhere($round);
	my $logged = () = slurp_file($node->logfile) =~ /WARNING:  01000: .* still /g;
	is($logged, $warnings, "$round: the warnings are in the log");
	return;
}
warned('warned');
unlike(slurp_file($node->logfile), qr/STATEMENT:.*secrets\./, 'and no statement with them, or with a refusal');

# ---- as a developer sets it ----

configure($node, 'log_parameter_max_length_on_error = -1', 'reload');
wait_for(sub { $client{stranger}->value('SHOW log_parameter_max_length_on_error') eq '-1' }, 'reload');
my $control = 'CONTROL' . int(rand(1e9));
$client{stranger}->prepare('control', q{SELECT 1 / length(replace($1, $1, ''))})->run('control', $control);
is(scalar files_with($node->logfile, $control), 1, "with it, an error of PostgreSQL's own shows parameters in the log");
refusals('refused, parameters of errors logged');
copy_in('refused, parameters of errors logged');
warned('warned, parameters of errors logged');

cmp_ok(value($node, q{SELECT count(*) FROM secrets.audit_log WHERE outcome <> 'allowed' AND name LIKE '%NAM' || 'ED%'}), '>', 20, 'names that were asked for are in the audit');
my $log = slurp_file($node->logfile);
my $states = () = $log =~ /ERROR:  42501: /g;
cmp_ok($states, '>=', 2 * grep({ $_->[1] eq '42501' } @calls), 'the refusals are in the log');
unlike($log, qr/STATEMENT:.*secrets\./, 'no statement with any of it');
like($log, qr/execute p1: SELECT secrets\.get\(\$1\)/, 'and the statements, without their parameters');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
