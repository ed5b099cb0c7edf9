# Whatever a text is like, how long and how broken, whoever else looks on, and however
# a session goes on: the server stays up, answers as it would, and no value that stood in
# quotes is in any log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use HostileTest;
use IPC::Run ();
use LeakTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(usleep);

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
my $has_cron = -e "$libraries/pg_cron.so";

# ---- a server that logs all it can, in each format, and is looked at from before and behind ----

my $node = new_node('hostile', start => 0, extension => 0, allows_streaming => 1, conf => <<'END');
logging_collector = on
log_rotation_size = 0
log_statement = all
log_min_duration_statement = 0
log_min_error_statement = debug5
log_parameter_max_length_on_error = -1
log_line_prefix = '%m %p %q%b '
deadlock_timeout = 10ms
restart_after_crash = on
max_prepared_transactions = 10
max_worker_processes = 16
secrets.redact_functions = 'keep, steps'
END
my $dir = $node->basedir;
my $logs = "$dir/logs";
my @formats = ('stderr', 'csvlog', $node->pg_version >= 15 ? 'jsonlog' : ());
my %spied = map { $_ => new_spy($node, $_) } ('early', 'late');
my $has_spies = defined $spied{early};
my @preloaded = ($has_spies ? 'spy_early' : (), $has_cron ? 'pg_cron' : (), 'secrets', $has_spies ? 'spy_late' : ());

configure($node, join '', map { "$_\n" } (
		"log_destination = '@{[ join ',', @formats ]}'", "log_directory = '$logs'",
		"dynamic_library_path = '$dir:\$libdir'", "shared_preload_libraries = '@{[ join ', ', @preloaded ]}'",
		(map { "spy_$_.place = '$spied{$_}'" } $has_spies ? keys %spied : ()), $has_spies ? 'spy_early.works = on' : (),
		$has_cron ? ("cron.database_name = 'postgres'", 'cron.use_background_workers = on') : ()));
$node->start;
value($node, 'CREATE EXTENSION secrets');
value($node, <<'END');
CREATE ROLE nobody LOGIN;
CREATE TABLE first (n int);
CREATE TABLE second (n int);
END

sub connection { return connect_to($node, @_); }
my $watcher = connection();

# All that was said so far is in the logs.
sub settle
{
	my $mark = 'mark' . unpack 'H*', substr new_key(), 0, 8;

	$watcher->value("SELECT '$mark'");
	return wait_for(sub { files_with($logs, $mark) == @formats }, 'the logs');
}

# Where each of these has turned up.
sub logged { settle(); return found_in([ $logs, $node->logfile ], @_); }

sub nowhere_logged
{
	my ($name, @canaries) = @_;
	my @words = map { parts_of($_) } @canaries;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(logged(@words), {}, "$name: in no log");
}

# What others see of a session.
sub shown { my ($client) = @_; return $watcher->value("SELECT query FROM pg_stat_activity WHERE pid = $client->{pid}"); }

# ---- mutations ----

# A statement of ours in each of the ways that it can come in; what was said in which words: { word => text }.
my %said;
my $excused = 0;

sub say_all
{
	my ($client, $text) = @_;

	foreach my $way ('simple', 'extended', 'bound')
	{
		my $canary = new_canary();
		(my $sql = $text) =~ s/~/$canary/g;
		my @words = parts_of($canary);

		if ($way eq 'bound')
		{
			next unless $text =~ /'~'/;
			($sql = $text) =~ s/'~'/\$1/;
			$sql =~ s/~//g;
		}
		my $answer = $way eq 'simple' ? $client->ask($sql) : $client->bound($sql, $way eq 'bound' ? [$canary] : []);
		return "$way: $sql" if $client->is_lost;
		foreach my $word (@words)
		{
			if ($way eq 'bound' || hides($sql, $word)) { $said{$word} = "$way: $sql"; }
			else { $excused++; }
		}
	}
	return undef;
}

my $seed = $ENV{HOSTILE_SEED} || (soak() ? time : 6);
my $rounds = $ENV{HOSTILE_ROUNDS} || (soak() ? 5000 : 500);
my @templates = templates();
my ($crashed, %asked);
my $speaker = connection();

note("HOSTILE_SEED=$seed");
seed_with($seed);
$speaker->value("SET statement_timeout = '10s'");
foreach my $round (1 .. $rounds + @templates)
{
	my $template = $templates[ $round % @templates ];

	$crashed = say_all($speaker, $round <= @templates ? join('', @$template) : mutate(@$template));
	last if defined $crashed;
	my $state = $speaker->ask('ROLLBACK; DEALLOCATE ALL')->{state};
	$asked{$state}++;
}
is($crashed, undef, "$rounds statements, mutated: the session goes on");
is_deeply([ keys %asked ], [''], 'and answers');
my $told = logged(keys %said);
is(scalar keys %$told, 0, 'nothing that stood in quotes, nor what was bound, is in a log');
diag(map { "$_: $said{$_}\n" } (sort keys %$told)[ 0 .. (keys %$told > 10 ? 9 : keys(%$told) - 1) ]) if %$told;
cmp_ok(scalar keys %said, '>', 2 * $excused, "that is so of most of them: @{[ scalar keys %said ]} words, $excused lost their quotes");

# The same under another name is nobody's: then it is there, and is found.
my @others;
foreach my $template (grep { $_->[0] !~ /PASSWORD/ } @templates)
{
	push @others, new_canary();
	(my $sql = join '', @$template) =~ s/~/$others[-1]/g;
	$sql =~ s/(?:U&)?"?s(?:ecrets|\\0065crets)"?/other/gi;
	$sql =~ s/"?\b(?:put|put_bytes|patch|inbox)\b"?/other/gi;
	$speaker->ask($sql);
	$speaker->ask('ROLLBACK; DEALLOCATE ALL');
}
is(scalar keys %{ logged(map { parts_of($_) } @others) }, 2 * @others, 'what names nothing of ours is in the logs');

# ---- texts that are cut ----

# Of letters that are in nothing else that stands in such a line.
my $letters = 'QXZQZXXQZZQX' x 5;

sub lines_with
{
	my ($what) = @_;

	settle();
	return grep { /$what/ } map { split /\n/, slurp_file($_) } glob "$logs/*.log";
}

# Parameters, at each length.
my $cutter = connection();
foreach my $length (0 .. 20, 58 .. 62)
{
	$cutter->value("SET log_parameter_max_length = $length; SET log_parameter_max_length_on_error = $length");
	$cutter->bound(q{SELECT secrets.put('cut', $1)}, [$letters]);
	$cutter->bound(q{SELECT secrets.put('cut', $1), 1 / $2::int}, [ "'$letters'", 0 ]);
	$cutter->bound(q{SELECT secrets.put('cut', $1, if_version => 4711)}, ["\xc3\xa9$letters"]);
}
my @lines = lines_with(qr/\$1 = /);
cmp_ok(scalar @lines, '>', 25 * 6, 'parameters were logged, cut and whole');
is(scalar(grep { /[QXZ]/ } @lines), 0, 'of a value that is cut nothing is left, wherever it is');
cmp_ok(scalar(grep { /\$2 = '\**(?:\.\.\.)?'/ } @lines), '>', 25, 'nor of what stands beside it');

# Statements, as others quote them: one that waits for a lock has not been understood yet, and a
# deadlock quotes what of it is in shared memory.  Its value lies around the end of that.
my @blockers = map { connection() } 1 .. 2;

sub deadlock
{
	my ($sql) = @_;

	$blockers[0]->value('BEGIN; LOCK TABLE first');
	$blockers[1]->value('BEGIN; LOCK TABLE second');
	$blockers[0]->send($sql);
	$blockers[1]->send('SELECT count(*) FROM first');
	my @states = map { $_->answer->{state} } @blockers;
	$_->value('ROLLBACK') foreach @blockers;
	return scalar grep { $_ eq '40P01' } @states;
}

my $shown = $watcher->value('SHOW track_activity_query_size') =~ /^1kB$/ ? 1023 : die 'track_activity_query_size';
my $deadlocks = 0;
foreach my $left (0 .. 30, 60)
{
	my $begin = q{SELECT secrets.put('cut', };

	$deadlocks += deadlock($begin . ' ' x ($shown - $left - length($begin) - 1) . "'$letters') FROM second");
}
is($deadlocks, 32, 'deadlocks');
@lines = lines_with(qr/Process \d+: SELECT secrets/);
is(scalar @lines, 32, 'they quote statements that were cut around a value');
is(scalar(grep { /[QXZ]/ } @lines), 0, 'and nothing of it');

# Where what names us lies behind the cut, nobody can tell.
deadlock("WITH v(v) AS (VALUES ('$letters')) SELECT " . ' ' x $shown . q{secrets.put('cut', v) FROM v, second});
is(scalar(grep { /[QXZ]/ } lines_with(qr/Process \d+: WITH/)), 1, 'where no name is left, it is there: the search finds');

# ---- others' hooks, before and behind ----

sub spied { my ($where, @canaries) = @_; return found_in([ $spied{$where} ], map { parts_of($_) } @canaries); }

SKIP:
{
	skip 'there is no compiler', 1 unless $has_spies;
	my $seen = connection();
	my (%given, @given);

	$seen->value(<<'END');
CREATE PROCEDURE keep(v text) LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.put('spied', v); END $$;
CREATE FUNCTION dynamic(v text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE n bigint; BEGIN EXECUTE format('SELECT secrets.put(%L, %L)', 'spied', v) INTO n; RETURN n; END $$;
END
	my @ways = (
		[ 'simple', q{SELECT secrets.put('spied', '~')} ],
		[ 'several', q{SELECT 1; SELECT secrets.put('spied', '~'); SELECT 2; SET m.x = 1} ],
		[ 'very long', q{SELECT secrets.put('spied', '~'); SELECT } . "/* @{[ 'x' x 1_100_000 ]} */" . q{ 1; SELECT 2; SET m.x = 1} ],
		[ 'fails to parse', q{SELECT secrets.put('spied', '~'))}, '42601' ],
		[ 'unknown function', q{SELECT secrets.putt('spied', '~')}, '42883' ],
		[ 'fails', q{SELECT secrets.put('no name!', '~')}, '22023' ],
		[ 'inbox', q{INSERT INTO secrets.inbox (name, value) VALUES ('spied', '~')} ],
		[ 'PREPARE', q{PREPARE spied AS SELECT secrets.put('spied', '~')} ],
		[ 'EXECUTE', q{PREPARE spied1(text) AS SELECT secrets.put('spied', $1); EXECUTE spied1('~')} ],
		[ 'EXPLAIN', q{EXPLAIN (ANALYZE, VERBOSE) SELECT secrets.put('spied', '~')} ],
		[ 'DECLARE', q{BEGIN; DECLARE spied CURSOR FOR SELECT secrets.put('spied', '~'); FETCH spied; COMMIT} ],
		[ 'CREATE TABLE AS', q{CREATE TABLE spied_table AS SELECT secrets.put('spied', '~')} ],
		[ 'COPY', q{COPY (SELECT secrets.put('spied', '~')) TO STDOUT} ],
		[ 'CALL', q{CALL keep('~')} ],
		[ 'DO', q{DO $$ BEGIN PERFORM secrets.put('spied', '~'); EXECUTE 'SELECT secrets.put(''spied'', ''~'')'; EXECUTE format('CALL keep(%L)', '~'); END $$} ],
		[ 'a function in SQL', q{CREATE FUNCTION spied1() RETURNS bigint LANGUAGE sql AS $$ SELECT secrets.put('spied', '~') $$; SELECT spied1()} ],
		[ 'a function with a body', q{CREATE FUNCTION spied2() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT secrets.put('spied', '~'); END; SELECT spied2()} ],
		[ 'EXECUTE within planning', q{DO $$ BEGIN EXECUTE 'SELECT secrets.put(''spied'', ''~'' || dynamic(''~''))'; END $$} ]);
	my @modes = ([ 'late', '' ], (map { [ 'late', $_ ], [ 'early', $_ ] } 'log', 'change', 'raise'));

	foreach my $mode (@modes)
	{
		my ($who, $what) = @$mode;

		foreach my $way (@ways)
		{
			my ($name, $text, $state) = @$way;
			my $canary = new_canary();
			(my $sql = $text) =~ s/~/$canary/g;

			$seen->value('DEALLOCATE ALL; DROP TABLE IF EXISTS spied_table; DROP FUNCTION IF EXISTS spied1(), spied2()');
			$seen->value("SET spy_$who.does = '$what'") if $what;
			foreach my $answer ($seen->ask($sql), $sql =~ /;/ ? () : $seen->bound($sql, []))
			{
				# Where errors say something else, they do not say what.
				$state = $what eq 'raise' ? 'P0001' : defined $state && $what eq 'change' ? 'XX000' : $state;
				push @given, "$who $what $name: $answer->{state} $answer->{err}" if $answer->{state} ne ($state || '');
				$seen->ask('DEALLOCATE ALL; DROP TABLE IF EXISTS spied_table');
			}
			$seen->ask('ROLLBACK');
			$seen->ask("RESET spy_$who.does");
			$seen->value("RESET spy_$who.does") if $what;
			$given{$_} = "$who $what: $name" foreach parts_of($canary);
		}
	}
	ok(!$seen->is_lost, 'the session goes on, whatever hooks do');
	is_deeply(\@given, [], 'and is answered as it should be');
	my $at = found_in([ $spied{early} ], keys %given);
	is_deeply([ sort map { $given{$_} } keys %$at ], [], 'hooks of a library that is loaded before see nothing');
	cmp_ok(scalar keys %{ found_in([ $spied{late} ], keys %given) }, '>', 0, 'those of one that is loaded behind do: they look');
	$at = logged(keys %given);
	is_deeply([ sort map { $given{$_} } keys %$at ], [], 'and the server logs nothing for all that');
	is_deeply([ map { scalar files_with($spied{$_}, 'OUT OF STEP') } sort keys %spied ], [ 0, 0 ], 'positions index the texts that they come with');
}

done_testing();
