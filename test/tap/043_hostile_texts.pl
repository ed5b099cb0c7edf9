# Whatever a text is like, how long and how broken, whoever else looks on, and however
# a session goes on: the server stays up, answers as it would, and no value that stood in
# quotes is in any log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use HostileTest;
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
max_connections = 40
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
# It takes up to a minute: looked at towards the end.
my $by_cron = new_canary();
$watcher->value("CREATE EXTENSION pg_cron; SELECT cron.schedule('hostile', '* * * * *', \$\$SELECT secrets.put('cron', '$by_cron')\$\$)") if $has_cron;

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
	my ($client, $text, $escapes) = @_;

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
			if ($way eq 'bound' || hides($sql, $word, $escapes)) { $said{$word} = "$way: $sql"; }
			else { $excused++; }
		}
	}
	return undef;
}

my $seed = $ENV{HOSTILE_SEED} || (soak() ? time : 6);
my $rounds = $ENV{HOSTILE_ROUNDS} || (soak() ? 5000 : 500);
my @templates = templates();
my ($crashed, %asked);
my ($speaker, @speakers) = (connection(), map { connection(options => "-c statement_timeout=10s -c standard_conforming_strings=$_ -c escape_string_warning=off") } 'on', 'off');

note("HOSTILE_SEED=$seed");
seed_with($seed);
foreach my $round (1 .. $rounds + @templates)
{
	my $template = $templates[ $round % @templates ];

	# As standard_conforming_strings is on, and off.
	my $escapes = pick(4) == 0 ? 1 : 0;

	$crashed = say_all($speakers[$escapes], $round <= @templates ? join('', @$template) : mutate(@$template), $escapes);
	last if defined $crashed;
	my $state = $speakers[$escapes]->ask('ROLLBACK; DEALLOCATE ALL; RESET search_path')->{state};
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
	$sql =~ s/"?\b(?:put|put_bytes|patch|inbox|keep)\b"?/other/gi;
	$speaker->ask($sql);
	$speaker->ask('ROLLBACK; DEALLOCATE ALL');
}
is(scalar keys %{ logged(map { parts_of($_) } @others) }, 2 * @others, 'what names nothing of ours is in the logs');

# ---- texts that are cut ----

# Of letters that are in nothing else that stands in such a line; another one each time, since one
# that has passed is known.
sub letters { return join '', map { substr 'QZJ', pick(3), 1 } 1 .. 60; }

sub lines_with
{
	my ($what) = @_;

	settle();
	return grep { /$what/ } map { split /\n/, slurp_file($_) } glob "$logs/*.log";
}

# Parameters, at each length.
my $cutter = connection();
$cutter->value(q{CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'failed'; END $$});
foreach my $length (0 .. 20, 58 .. 62)
{
	$cutter->value("SET log_parameter_max_length = $length; SET log_parameter_max_length_on_error = $length");
	$cutter->bound(q{SELECT secrets.put('cut', $1), secrets.put($3, $2)}, [ letters(), "'" . letters(), 'cut/2' ]);
	$cutter->bound(q{SELECT fail(), secrets.put('cut', $1)}, [ "\xc3\xa9" . letters() ]);
	$cutter->bound(q{SELECT secrets.put('cut', $1)::int + $2}, [ letters(), letters() ]);
}
my @lines = lines_with(qr/\$1 = /);
cmp_ok(scalar @lines, '>', 5 * 26 - 5, 'parameters were logged, cut and whole');
is(scalar(grep { /[QZJ]/ } @lines), 0, 'of a value that is cut nothing is left, wherever it is') or diag(grep { /[QZJ]/ } @lines);
cmp_ok(scalar(grep { m{\$3 = 'cut/2'} } @lines), '>', 15, 'names of secrets are there');

# Statements, as others quote them: one that waits for a lock has been neither logged nor understood
# yet, and a deadlock quotes what of it is in shared memory.  Its value lies around the end of that.
my @blockers = map { connection(options => '-c log_statement=none') } 1 .. 2;

sub wait_for_lock
{
	my ($client) = @_;

	return wait_for(sub { $watcher->value("SELECT wait_event_type IN ('Lock', 'Timeout') FROM pg_stat_activity WHERE pid = $client->{pid}") eq 't' }, 'a statement that waits');
}

# The second one finds it, and quotes the first.
$blockers[0]->value(q{SET deadlock_timeout = '1h'});

sub deadlock
{
	my ($sql) = @_;

	$blockers[0]->value('BEGIN; LOCK TABLE first');
	$blockers[1]->value('BEGIN; LOCK TABLE second');
	$blockers[0]->send($sql);
	wait_for_lock($blockers[0]);
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

	$deadlocks += deadlock($begin . ' ' x ($shown - $left - length($begin) - 1) . "'@{[ letters() ]}') FROM second");
}
is($deadlocks, 32, 'deadlocks');
@lines = lines_with(qr/Process \d+: SELECT secrets/);
is(scalar @lines, 32, 'they quote statements that were cut around a value');
is(scalar(grep { /[QZJ]/ } @lines), 0, 'and nothing of it');

# Where what names us lies behind the cut, nobody can tell.
deadlock("WITH v(v) AS (VALUES ('@{[ letters() ]}')) SELECT " . ' ' x $shown . q{secrets.put('cut', v) FROM v, second});
is(scalar(grep { /[QZJ]/ } lines_with(qr/Process \d+: WITH/)), 1, 'where no name is left, it is there: the search finds');

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
			foreach my $how ('simple', $sql =~ /;/ ? () : 'extended')
			{
				my $answer = $how eq 'simple' ? $seen->ask($sql) : $seen->bound($sql, []);

				# What fails before it is logged is not stopped by a line.
				next if $what eq 'raise' && defined $state;
				my $wanted = $what eq 'raise' ? 'P0001' : defined $state && $what eq 'change' ? 'XX000' : $state || '';
				push @given, "$who $what $name, $how: $answer->{state} $answer->{err}" if $answer->{state} ne $wanted;
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
	is_deeply([ sort map { $given{$_} } keys %$at ], [], 'hooks of a library that is loaded before see nothing')
	  or diag(map { my $word = $_; map { substr($_, 0, 300) . "\n" } grep { /$word/ } split /\n/, slurp_file($spied{early}) } sort keys %$at);
	cmp_ok(scalar keys %{ found_in([ $spied{late} ], keys %given) }, '>', 0, 'those of one that is loaded behind do: they look');
	$at = logged(keys %given);
	is_deeply([ sort map { $given{$_} } keys %$at ], [], 'and the server logs nothing for all that');
	is_deeply([ map { scalar files_with($spied{$_}, 'OUT OF STEP') } sort keys %spied ], [ 0, 0 ], 'positions index the texts that they come with');
}

# ---- however a session goes on ----

my @kept;

sub keep { push @kept, new_canary(); return $kept[-1]; }
sub stored { my ($name) = @_; return $watcher->value("SELECT secrets.get('$name')"); }

# What was put under that name is there.
sub is_stored
{
	my ($name, $canary, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(stored($name), $canary, $what);
}

sub put { my ($name) = @_; my $canary = keep(); return ("SELECT secrets.put('$name', '$canary')", $canary); }

$watcher->value(<<'END');
CREATE PROCEDURE steps(n text, v text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM secrets.put(n, v || ' 1'); COMMIT;
	PERFORM secrets.put(n, v || ' 2'); ROLLBACK;
	EXECUTE format('SELECT secrets.put(%L, %L)', n, v || ' 3'); COMMIT;
	RAISE WARNING 'steps are done';
END $$;
CREATE TABLE big AS SELECT n FROM generate_series(1, 2000) n;
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
END

my $session = connection();
my ($sql, $canary) = put('s/discarded');
$session->value("PREPARE gone AS $sql; EXECUTE gone");
$session->value('DISCARD ALL');
is_stored('s/discarded', $canary, 'before DISCARD ALL');
is($session->ask('EXECUTE gone')->{state}, '26000', 'which leaves nothing');
($sql, $canary) = put('s/after');
$session->value($sql);
is_stored('s/after', $canary, 'and after it');

($sql, $canary) = put('s/nobody');
$session->value('SET SESSION AUTHORIZATION nobody');
is($session->ask($sql)->{state}, '42501', 'SET SESSION AUTHORIZATION');
$session->value('RESET SESSION AUTHORIZATION');
$session->value($sql);
is_stored('s/nobody', $canary, 'and back');

# Transactions.
($sql, $canary) = put('s/2pc');
my ($other) = put('s/2pc');
$session->value("BEGIN; $sql; PREPARE TRANSACTION 'two'");
$session->value("COMMIT PREPARED 'two'");
is_stored('s/2pc', $canary, 'a prepared transaction');
$session->value("BEGIN; $other");
$session->value(q{PREPARE TRANSACTION 'three'});
$session->value(q{ROLLBACK PREPARED 'three'});
is_stored('s/2pc', $canary, 'one that is rolled back');
$session->value("BEGIN; $sql; SAVEPOINT a");
is($session->ask("SELECT 1 / 0, '$canary', secrets.put('s/2pc', 'x')")->{state}, '22012', 'an error in a subtransaction');
is($session->ask($sql)->{state}, '25P02', 'an aborted transaction');
unlike(shown($session), qr/$canary/, 'shows nothing');
$session->value('ROLLBACK TO a');
($sql, $canary) = put('s/2pc');
$session->value("$sql; COMMIT");
is_stored('s/2pc', $canary, 'ROLLBACK TO');
is($session->ask("$other; SELECT 1 / 0; $other")->{state}, '22012', 'several statements, one of which fails');
is_stored('s/2pc', $canary, 'leave nothing');

# Cursors that are read long after what they were made by, with other statements of ours between.
my @values = map { keep() } 1 .. 3;
$session->value("BEGIN; DECLARE held CURSOR WITH HOLD FOR SELECT secrets.put('s/held', v), v FROM (VALUES ('$values[0]'), ('$values[1]'), ('$values[2]')) n(v); FETCH held; COMMIT");
foreach my $value (@values[1, 2])
{
	$session->value((put('s/between'))[0]) foreach 1 .. 5;
	like($session->value('FETCH held'), qr/^\d+\|\Q$value\E$/, 'FETCH from a cursor WITH HOLD');
}
unlike($session->value('SELECT statement FROM pg_cursors'), qr/ !/, 'of which its session sees no value');
$session->value('CLOSE held');

# Portals that take turns.
my @portals = map { [ "portal$_", keep() ] } 1 .. 2;
$session->value('BEGIN');
foreach my $portal (@portals)
{
	my ($name, $value) = @$portal;
	$session->write(LeakTest::Client::parse("SELECT secrets.put('s/$name', '$value' || n) FROM generate_series(1, 4) n", name => $name)
		  . LeakTest::Client::bind([], name => $name, portal => $name) . LeakTest::Client::sync());
	is($session->answer->{state}, '', 'a portal');
}
foreach my $turn (1 .. 4)
{
	foreach my $portal (@portals)
	{
		$session->write(LeakTest::Client::execute(portal => $portal->[0], rows => 1) . LeakTest::Client::sync());
		is($session->answer->{out}, $turn, "$portal->[0], row $turn");
		$session->value((put('s/between'))[0]);
	}
}
$session->value('COMMIT');
is_stored("s/$_->[0]", "$_->[1]4", 'all of it') foreach @portals;

# Procedures.
$canary = keep();
like($session->ask("CALL steps('s/steps', '$canary')")->{notices}, qr/steps are done/, 'a procedure that commits');
is_stored('s/steps', "$canary 3", 'in steps');
is($session->value(q{SELECT secrets.current_version('s/steps')}), 2, 'one of which it rolled back');
$canary = keep();
is($session->bound(q{CALL steps('s/steps', $1)}, [$canary])->{state}, '', 'the same, bound');
is_stored('s/steps', "$canary 3", 'is the same');

# Without a statement.
my $oid = $session->value(q{SELECT 'secrets.put(text,text,text,jsonb,timestamptz,bigint,jsonb)'::regprocedure::oid});
$canary = keep();
is($session->fastpath($oid, 's/fast', $canary, undef, undef, undef, undef, '{}')->{state}, '', 'a call by the protocol');
is_stored('s/fast', $canary, 'puts');
is($session->fastpath($oid, 's/fast', keep(), undef, '{' . keep(), undef, undef, '{}')->{state}, '22P02', 'one that fails');
is($session->fastpath($oid, keep(), keep(), undef, undef, undef, undef, '{}')->{state}, '22023', 'and another');

# A session for replication is one for SQL, too.
my $walsender = connection(replication => 'database');
($sql, $canary) = put('s/walsender');
$walsender->value($sql);
is_stored('s/walsender', $canary, 'a walsender');
is($walsender->ask("SELECT secrets.put('s/walsender', '@{[ keep() ]}'")->{state}, '42601', 'a syntax error');
is($walsender->ask("IDENTIFY_SYSTEM secrets.put('s/walsender', '@{[ keep() ]}')")->{state}, '42601', 'a command that is none');
is($walsender->bound(q{SELECT secrets.put('s/walsender', $1)}, [ keep() ])->{state}, '08P01', 'no parameters there');
unlike(shown($walsender), qr/ !/, 'and others see nothing');
$walsender->close;

# COPY that is given up in the middle of a line.
$canary = keep();
$session->write(LeakTest::Client::message('Q', "COPY secrets.inbox (name, value) FROM STDIN\0") . LeakTest::Client::message('d', "s/copy\t$canary\ns/copy\t$canary"));
wait_for(sub { $watcher->value("SELECT wait_event = 'ClientRead' AND state = 'active' FROM pg_stat_activity WHERE pid = $session->{pid}") eq 't' }, 'COPY');
$watcher->value("SELECT pg_cancel_backend($session->{pid})");
$session->{socket}->send(LeakTest::Client::message('f', "given up\0"));
isnt($session->answer->{state}, '', 'COPY that is cancelled');
is($session->value('SELECT 1'), 1, 'and the session goes on');

# Parallel workers of what stands beside a statement of ours, also where that is too long to be shown.
$session->value('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2');
foreach my $length (1, 1_100_000)
{
	my $values = 'sum(CASE WHEN pg_sleep(0.003) IS NULL THEN 0 ELSE 1 END)';
	my $blanks = ' ' x $length;

	($sql, $canary) = put("s/parallel$length");
	$session->send("$sql; SELECT '$canary', $values$blanks FROM big");
	my $workers = '';
	wait_for(sub { $workers = $watcher->value(qq{SELECT string_agg(query, '|') FROM pg_stat_activity WHERE backend_type = 'parallel worker'}) }, 'workers');
	my $answer = $session->answer;
	is($answer->{out} =~ s/.*\n//sr, "$canary|2000", 'a parallel query beside a put');
	like($workers, $length == 1 ? qr/secrets\.put\('s/ : qr/\S/, 'workers are seen');
	unlike($workers, qr/ !/, 'and no value');
	is_stored("s/parallel$length", $canary, 'what was put is there');
}

# Processes without a client.
if ($has_spies)
{
	my @words = map { keep() } 1 .. 4;
	append_to_file("$spied{early}.sql.new", join '', map { "$_\n" } (
			"SELECT secrets.put('s/worker', '$words[0]')", "SELECT secrets.put('s/worker', '$words[1]'", "DO \$\$ BEGIN PERFORM secrets.put('s/worker', '$words[2]'); END \$\$",
			"SELECT secrets.put('s/worker', '$words[3]'), 1 / 0"));
	rename "$spied{early}.sql.new", "$spied{early}.sql";
	wait_for(sub { !-e "$spied{early}.sql" }, 'a background worker');
	is_stored('s/worker', $words[2], 'a background worker');
	unlike($watcher->value(q{SELECT query FROM pg_stat_activity WHERE backend_type = 'spy'}), qr/ !/, 'of which others see no value');
}

nowhere_logged('all these', @kept);

# ---- errors within errors, and worse ----

@kept = ();
my $victim = connection();
$victim->value(<<'END');
CREATE FUNCTION deep(v text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN deep(v || 'x'); END $$;
CREATE FUNCTION twice(v text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE '%', v;
EXCEPTION WHEN raise_exception THEN
	RAISE LOG 'caught something';
	EXECUTE format('SELECT secrets.put(''e/1'', %L || 1 / 0)', v);
	RETURN v;
END $$;
SET max_stack_depth = '150kB';
END
my $nested = 'upper(' x 2000 . "'~'" . ')' x 2000;

foreach my $way (
	[ '54001', q{SELECT secrets.put('e/1', deep('~'))}, 'too deep a recursion' ],
	[ '54001', "SELECT secrets.put('e/1', $nested)", 'too deep an expression' ],
	[ '54001', "DO \$\$ BEGIN PERFORM secrets.put('e/1', $nested); END \$\$", 'the same, within a function' ],
	[ '54000', q{SELECT secrets.put('e/1', repeat('~', 200000000))}, 'too much memory asked for' ],
	[ '22012', q{SELECT secrets.put('e/1', twice('~'))}, 'an error while one is handled' ],
	[ '57014', q{SET statement_timeout = 1; SELECT secrets.put('e/1', '~') /* } . 'x' x 3_000_000 . q{ */ FROM pg_sleep(1)}, 'out of time' ])
{
	my ($state, $text, $name) = @$way;

	foreach my $how ('simple', $text =~ /^SET/ ? () : 'extended')
	{
		$canary = keep();
		($sql = $text) =~ s/~/$canary/g;
		is(($how eq 'simple' ? $victim->ask($sql) : $victim->bound($sql, []))->{state}, $state, "$name, $how");
		$victim->ask('RESET statement_timeout');
	}
}

# Out of memory for good: while the value is made, and anywhere in what becomes of a long text.
sub limit_memory
{
	my ($client, $more) = @_;

	system('prlimit', '--pid', $client->{pid}, '--as=' . 1024 * (numbers($client->{pid})->{VmSize} + $more) . ':') == 0 or die 'prlimit';
	return;
}

my $began = $watcher->value('SELECT pg_postmaster_start_time()');
foreach my $how ('simple', 'extended')
{
	my $poor = connection();

	$canary = keep();
	$poor->value('SELECT 1');
	limit_memory($poor, 50_000);
	$sql = "SELECT secrets.put('e/1', left(repeat('$canary', 20000000), 30))";
	is(($how eq 'simple' ? $poor->ask($sql) : $poor->bound($sql, []))->{state}, '53200', "out of memory, $how");
	is($poor->value('SELECT 1'), 1, 'and the session goes on');
	$poor->close;
}
my %ends;
foreach my $more (map { 8 * $_ } 1 .. 12)
{
	my $poor = connection();

	$canary = keep();
	$poor->value('SELECT 1');
	limit_memory($poor, 1000 * $more);
	$ends{ $poor->ask("SELECT secrets.put('e/1', '$canary', '" . 'x' x 8_000_000 . "')")->{state} }++;
	$poor->close;
}
note('a long text with little memory ends as ' . join ', ', map { "$_: $ends{$_}" } sort keys %ends);
is_deeply([ grep { !/^(?:53200|54000|08006|22001|22023|)$/ } keys %ends ], [], 'a long text with little memory');
is($watcher->value('SELECT pg_postmaster_start_time()'), $began, 'the server stays up');

($sql, $canary) = put('e/1');
is($victim->ask("$sql, pg_terminate_backend(pg_backend_pid())")->{state}, '57P01', 'FATAL');
nowhere_logged('all these', @kept);

# ---- on and off ----

sub redact
{
	my ($value) = @_;

	$watcher->value("ALTER SYSTEM SET secrets.redact_logs = $value");
	$watcher->value('SELECT pg_reload_conf()');
	return wait_for(sub { $session->value('SHOW secrets.redact_logs') eq $value }, "redact_logs = $value");
}

@kept = ();
($sql, $canary) = put('r/on');
$session->value($sql);
redact('off');
my $open = new_canary();
$session->value("SELECT secrets.put('r/off', '$open')");
is(scalar keys %{ logged(parts_of($open)) }, 2, 'off: it is logged, in a session that began before');
my $prepared = new_canary();
$session->value("PREPARE when_off AS SELECT secrets.put('r/prepared', '$prepared' || 'x')");
$session->prepare('by_message', "SELECT secrets.put('r/prepared', '$prepared' || 'x')");
redact('on');
($sql, $canary) = put('r/on');
$session->value($sql);
is_stored('r/on', $canary, 'on again');
my $before = () = map { slurp_file($_) =~ /\Q$prepared\E/g } glob "$logs/*.log";
is($session->ask('EXECUTE when_off')->{state}, '', 'what was prepared meanwhile');
is($session->run('by_message')->{state}, '', 'in both ways');
unlike(shown($session), qr/ !/, 'others see nothing of it any more');
settle();
is(scalar(() = map { slurp_file($_) =~ /\Q$prepared\E/g } glob "$logs/*.log"), $before, 'nor is it logged again');

# Over and over, while statements of ours run.
my @busy = map { connection() } 1 .. 2;
$_->value('DEALLOCATE ALL') foreach @busy;
$_->prepare('p', q{SELECT secrets.put('r/busy', $1 || 'x')}) foreach @busy;
my @wrong;
foreach my $round (1 .. 60)
{
	$watcher->value('ALTER SYSTEM SET secrets.redact_logs = ' . ($round % 2 ? 'off' : 'on'));
	$watcher->value(q{ALTER SYSTEM SET secrets.redact_functions = '} . ($round % 3 ? 'keep, steps' : 'steps') . q{'});
	$busy[0]->send(qq{SELECT secrets.put('r/busy', 'v'), pg_sleep(0.003); SELECT 1; DO \$\$ BEGIN PERFORM secrets.put('r/busy', 'v'); EXECUTE 'SELECT 1'; END \$\$; SELECT secrets.get('r/busy')});
	$busy[1]->start('p', 'v');
	$watcher->value('SELECT pg_reload_conf()');
	push @wrong, map { $_->{state} . $_->{err} } grep { $_->{state} ne '' } map { $_->answers } @busy;
}
is_deeply(\@wrong, [], 'on and off, over and over');
$watcher->value('ALTER SYSTEM RESET ALL');
redact('on');
nowhere_logged('where it is on', @kept);

# ---- long texts ----

# Another server: what is logged here is not searched line by line.
my $long = new_node('long', conf => <<'END');
log_min_error_statement = panic
log_error_verbosity = terse
max_locks_per_transaction = 64
autovacuum = off
END

sub long_session { return connect_to($long, @_); }

# Seconds on a processor that the server takes for it, and what it answers.
sub work
{
	my ($client, @messages) = @_;
	my $before = cpu_of($client->{pid});
	my %states;

	foreach my $message (@messages)
	{
		$client->write($message);
		$states{ $client->answer->{state} }++;
	}
	return (cpu_of($client->{pid}) - $before, join ' ', sort keys %states);
}

sub query { my ($text) = @_; return LeakTest::Client::message('Q', "$text\0"); }
sub parse { my ($text) = @_; return LeakTest::Client::parse($text) . LeakTest::Client::sync(); }

sub redact_long
{
	my ($value) = @_;

	configure($long, "secrets.redact_logs = $value", 'reload');
	return wait_for(sub { value($long, 'SHOW secrets.redact_logs') eq $value }, "redact_logs = $value");
}

# Not worse than ten times the work for ten times the text; what grows with the square of it takes a hundred times.
sub grows_with_length
{
	my ($name, $make) = @_;
	my $client = long_session();
	my @seconds;

	$client->value(q{SELECT secrets.put('long', 'a value that has passed')});
	foreach my $n (1, 10)
	{
		my $text = $make->($n);
		my ($seconds, $state) = work($client, query($text), query("$text secrets.put('long', 'v')"), parse("$text secrets.put("));
		return fail("$name: the session is lost") if $client->is_lost;
		push @seconds, $seconds;
	}
	$client->close;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok($seconds[1], '<', 30 * $seconds[0] + 0.3, sprintf '%s: %.3f s, %.3f s for ten times as much', $name, @seconds);
}

# So many bytes of it, or a few more.
sub bytes { my ($what) = @_; my $length = length $what; return sub { my ($n) = @_; return $what x ($n * 300_000 / $length); }; }
sub after { my ($begin, $what) = @_; my $more = bytes($what); return sub { return $begin . $more->(@_); }; }

my %texts = (
	'a literal' => after(q{SELECT '}, 'x'), 'an identifier' => after('SELECT "', 'x'), 'dollars' => after('SELECT $$', 'x'), 'a comment' => after('SELECT /*', 'x'),
	'parentheses' => after('SELECT ', '('), 'quotes' => after('SELECT ', q{'}), 'quotes, and one more' => after(q{SELECT '}, q{''}), 'double quotes' => after('SELECT ', '"'),
	'comments within comments' => after('SELECT ', '/* '), 'comments' => after('SELECT ', '/* x */'), 'lines of comment' => bytes("--\n"), 'a line' => bytes('--'),
	'dollars alone' => after('SELECT ', '$'), 'tags of dollars' => sub { join '', 'SELECT ', map { "\$t$_\$ " } 1 .. $_[0] * 40_000 },
	'names with dollars' => bytes('a$'), 'backslashes' => after(q{SELECT E'}, '\\'), 'quotes with backslashes' => after(q{SELECT '}, q{\\'}), 'digits' => bytes('1'), 'digits and lines' => bytes('1_'),
	'PASSWORD' => after('ALTER ROLE x ', q{password ' }), 'PASSWORD, doubled' => after(q{SELECT '}, q{password '' x }), 'PASSWORD and comments' => after(q{SELECT '}, 'password /* '),
	'the schema' => after('SELECT ', 'secrets . '), 'U&' => after('SELECT ', 'U&"'), 'U&, doubled' => after('SELECT U&"', '\\0061""'), 'UESCAPE' => after('SELECT ', q{U&"a" UESCAPE }),
	'EXECUTE' => bytes('EXECUTE x; '), 'EXECUTE(' => bytes('EXECUTE x('), 'EXPLAIN' => bytes('EXPLAIN ('), 'characters' => after('SELECT ', "\xc3\xa9"),
	'addresses' => after('SELECT ', q{'postgres://a:}), 'addresses, doubled' => after(q{SELECT '}, q{postgres://a:''}), 'calls' => after('SELECT ', q{secrets.put('a',}),
	'calls with casts' => after('SELECT ', q{secrets.put('a'::a(a(a(a(}), 'names for literals' => after('SELECT secrets.put(', '"a",'), 'languages' => after('DO ', 'LANGUAGE a AS $$ $$ '),
	'base64' => after('SELECT ', 'QUJD'), 'percents' => after('SELECT ', '%41'), 'numbers' => after('SELECT ', '65 '), 'blanks' => after('SELECT ', ' '));

foreach my $name (sort keys %texts) { grows_with_length($name, $texts{$name}); }

# Ten thousand deep (the server's own work grows with the square of that), and what is refused as it comes in.
my $patient = long_session();
is($patient->ask(q{SELECT secrets.put('long', 'v') } . '/*' x 10_000 . '*/' x 10_000)->{state}, '', 'comments, ten thousand deep');
is($patient->ask(q{SELECT secrets.put('long', 'v') } . '/*' x 2000 . '*/' x 1999)->{state}, '42601', 'one that is open');
is($patient->ask("SELECT secrets.put('long', 'v\0v')")->{state}, '08P01', 'a zero byte');
is($patient->ask("SELECT secrets.put('long', 'v\xff\xfev')")->{state}, '22021', 'what is not UTF-8');
is($patient->bound(q{SELECT secrets.put('long', $1)}, ["v\0v"])->{state}, '22021', 'a zero byte, bound');
is($patient->ask(q{SELECT secrets.put('long', U&'\\D83D')})->{state}, '42601', 'half a character');

# Very many statements in one, on and off.  A tenth of them first: what grows with the square of
# their number would not come to an end.
sub many
{
	my ($name, $n, $make) = @_;
	my %seconds;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $value ('off', 'on')
	{
		redact_long($value);
		foreach my $part ($n / 100, $n / 10, $n)
		{
			my $client = long_session();

			$client->value(q{SELECT secrets.put('long', 'v')});
			my ($seconds, $state) = work($client, query($make->($part)));

			$client->close;
			$seconds{$value} ||= $seconds;
			return fail(sprintf '%s, %s: %s, %.3f s for %d, after %.3f s for a tenth', $name, $value, $state, $seconds, $part, $seconds{$value})
			  if $state ne '' || $seconds > 30 * $seconds{$value} + 0.3;
			$seconds{$value} = $seconds;
		}
	}
	return cmp_ok($seconds{on}, '<', 3 * $seconds{off} + 0.5, sprintf '%s: %.3f s, %.3f s without', $name, @seconds{ 'on', 'off' });
}

my $padding = ' ' x 90;
value($long, 'CREATE FUNCTION many(n int, what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE repeat(what, n); END $$');
many('100,000 statements', 100_000, sub { "SELECT 1;$padding" x $_[0] });
many('100,000 statements beside one of ours', 100_000, sub { q{SELECT secrets.put('long', 'v');} . "SELECT 1;$padding" x $_[0] });
many('20,000 statements before one of ours', 20_000, sub { "SELECT 1;$padding" x $_[0] . q{SELECT secrets.put('long', 'v')} });
many('20,000 settings beside one of ours', 20_000, sub { q{SELECT secrets.put('long', 'v');} . "SET m.x = 1;$padding" x $_[0] });
many('10,000 statements of ours', 10_000, sub { q{SELECT secrets.put('long', 'v') WHERE false;} x $_[0] });
many('2,000 statements of ours, in a function', 2000, sub { "SELECT many($_[0], 'SELECT secrets.put(''long'', ''v'') WHERE false;')" });
many('2,000 statements of ours, in a body', 2000,
	sub { 'CREATE FUNCTION body() RETURNS void LANGUAGE sql AS $$ ' . q{SELECT secrets.put('long', 'v') WHERE false;} x $_[0] . '$$; SELECT body(); DROP FUNCTION body()' });
many('10,000 statements in a function', 10_000, sub { "SELECT many($_[0], 'SELECT 1;$padding')" });

redact_long('on');

# 100 MB, in the log, too: whatever else there is, a value in the middle of it is not.
sub big { my ($begin, $what, $end) = @_; return $begin . $what x (50_000_000 / length $what) . $end; }

my $whole = new_canary();
foreach my $case (
	[ '', 'a literal', sub { big(q{SELECT length('}, 'x', $_[0]) . big('', 'x', q{')}) } ],
	[ '54000', 'one of ours', sub { big(q{SELECT secrets.put('long', '}, 'x', $_[0]) . big('', 'x', q{')}) } ],
	[ '42601', 'parentheses', sub { big(qq{SELECT secrets.put('long', '$_[0]', }, '(', '') . big('', ')', '') } ],
	[ '42601', 'quotes', sub { big(q{SELECT secrets.put('long', '}, q{''}, $_[0]) . big('', q{''}, '') } ],
	[ '42601', 'comments', sub { big(qq{SELECT secrets.put('long', '$_[0]') }, '/* * /', '') . big('', '*/ ', '') } ])
{
	my ($state, $name, $make) = @$case;
	my $logged = $name =~ /ours|comments/ ? 'all' : 'none';

	$patient->value("SET log_statement = '$logged'");
	$patient->write(query($make->($whole)));
	is($patient->answer->{state}, $state, "100 MB: $name");
	$patient->value(q{SET log_statement = 'none'});
}
is_deeply(found_in([ $long->logfile ], parts_of($whole)), {}, 'and nothing of it is in the log');
is($patient->value('SELECT 1'), 1, 'the session goes on');
$patient->close;

# ---- memory ----

# Little shared memory, touched beforehand, so that what is compared is the session's own.
my $small = new_node('small', conf => "shared_buffers = 2MB\nautovacuum = off\nlog_min_messages = log\n");
my $limit = 2048;	# kB

value($small, <<'END');
CREATE FUNCTION say(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP RAISE LOG 'SELECT secrets.put(''m'', ''%'')', i USING DETAIL = 'secrets.put(''m'', ''v'')', HINT = 'the value ' || i; END LOOP;
END $$;
CREATE FUNCTION run(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint; behind bigint;
BEGIN
	SELECT sum(total_bytes) INTO before FROM pg_backend_memory_contexts;
	FOR i IN 1 .. n LOOP
		EXECUTE format('SELECT secrets.put(%L, %L) WHERE false', 'm', i);
		EXECUTE format('SELECT secrets.put(%L, $1) WHERE false', 'm') USING i::text;
		EXECUTE format('SET m.x = %L /* secrets.put( */', i);
	END LOOP;
	SELECT sum(total_bytes) INTO behind FROM pg_backend_memory_contexts;
	RETURN (behind - before) / 1024;
END $$;
CREATE FUNCTION fail(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		BEGIN EXECUTE format('SELECT secrets.put(%L, %L || 1 / 0)', 'm', i); EXCEPTION WHEN division_by_zero THEN NULL; END;
		BEGIN EXECUTE format('SELECT secrets.put(%L, %L', 'm', i); EXCEPTION WHEN syntax_error THEN NULL; END;
	END LOOP;
END $$;
SELECT secrets.put('m', 'v');
END

# What a session holds: its memory contexts, and its own pages, in kB.
sub holds
{
	my ($client) = @_;

	return (int $client->value('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts'), numbers($client->{pid})->{RssAnon} || 0);
}

sub grows_little
{
	my ($name, $do) = @_;
	my $client = connect_to($small);

	$client->value(q{SELECT secrets.put('m', 'v')});
	$do->($client, 100) foreach 1 .. 5;
	holds($client);
	my @before = holds($client);
	$do->($client, 20_000);
	my @behind = holds($client);
	$client->close;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($behind[0] - $before[0], '<', $limit, "$name: memory contexts, kB more");
	cmp_ok($behind[1] - $before[1], '<', $limit, "$name: memory of its own, kB more");
	return;
}

sub in_messages
{
	my ($client, $n, $message) = @_;

	foreach (1 .. $n / 100)
	{
		$client->write($message x 100);
		$client->{open} += 99;
		$_->{state} and die $_->{err} foreach $client->answers;
	}
	return;
}

grows_little('20,000 lines that are masked', sub { $_[0]->value("SELECT say($_[1])") });
grows_little('20,000 statements', sub { in_messages(@_, query(q{SELECT secrets.put('m', 'v') WHERE false})) });
grows_little('20,000 statements, bound', sub {
		my ($client, $n) = @_;
		in_messages($client, $n, LeakTest::Client::call(q{SELECT secrets.put('m', $1) WHERE false}, [ 'v' . 'w' x 1000 ]) . LeakTest::Client::sync());
	});
grows_little('60,000 statements in a function', sub { cmp_ok($_[0]->value("SELECT run($_[1])"), '<', $limit, 'what a function holds at its end, kB more') if $_[1] > 100 });
grows_little('errors', sub { $_[0]->value("SELECT fail($_[1] / 10)") });
grows_little('long statements', sub {
		my ($client, $n) = @_;
		$client->value(q{SELECT secrets.put('m', 'v') WHERE false /* } . 'x' x 2_000_000 . ' */') foreach 0 .. $n / 1000;
	});
unlike(slurp_file($small->logfile), qr/PANIC|TRAP|XX000|terminated by signal/, 'no internal error');

# ---- without preloading ----

configure($small, "shared_preload_libraries = ''\nlog_statement = all\n", 'restart');
@kept = ();
my $bare = connect_to($small);
my $raw = new_canary();
is($bare->ask("SET secrets.x = '$raw' /* secrets.put( */")->{state}, '', 'before the library is there');
$bare->value(q{LOAD 'secrets'});
foreach my $round (1, 2)
{
	is($bare->ask((put('bare'))[0])->{state}, '58000', 'LOAD: nothing works');
	is($bare->ask("SELECT secrets.put('bare', '@{[ keep() ]}'")->{state}, '42601', 'nor parses');
	is($bare->bound(q{SELECT secrets.put('bare', $1)}, [ keep() ])->{state}, '58000', 'nor when it is bound');
	$bare->value($_) foreach ('DISCARD ALL', q{LOAD 'secrets'});
}
is_deeply(found_in([ $small->logfile ], map { parts_of($_) } @kept), {}, 'but it is masked');
is(scalar keys %{ found_in([ $small->logfile ], parts_of($raw)) }, 2, 'what came before is not');

# ---- pg_cron ----

if ($has_cron)
{
	wait_for(sub { usleep(100_000); $watcher->value(q{SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded'}) > 0 }, 'pg_cron', 180);
	is_stored('cron', $by_cron, 'a job of pg_cron');
	unlike($watcher->value(q{SELECT string_agg(query, '|') FROM pg_stat_activity WHERE backend_type LIKE '%cron%'}), qr/ !/, 'of which others see no value');
	nowhere_logged('its text', $by_cron);
}

# ---- a crash ----

# What a process was doing when it was killed, others write down: as much of it as was in sight,
# of one that is not understood yet, too.
@kept = ();
my @left = (25, 10, 2);
foreach my $left (@left, undef)
{
	my ($killed, $waits) = (connection(options => '-c log_statement=none'), connection());
	my $begin = q{SELECT secrets.put('crash', };
	my $sql = defined $left ? $begin . ' ' x ($shown - $left - length($begin) - 1) . "'@{[ letters() ]}') FROM second" : "$begin '@{[ letters() ]}'), pg_sleep(100)";

	$waits->value('BEGIN; LOCK TABLE second');
	$killed->send($sql);
	wait_for_lock($killed);
	kill 'KILL', $killed->{pid};
	$killed->answer;
	# It is gone too, when all have been told to go.
	$watcher->ask('SELECT pg_sleep(10)');
	wait_for(sub { $watcher = eval { connection() }; $watcher && $watcher->ask('SELECT 1')->{state} eq '' }, 'the server after a crash');
}
@lines = lines_with(qr/Failed process was running/);
is(scalar @lines, @left + 1, 'crashes');
is(scalar(grep { /secrets\.put/ } @lines), @left + 1, 'and what was running');
is(scalar(grep { /[QZJ]/ } @lines), 0, 'without its values') or diag(@lines);
($sql, $canary) = put('crash');
$watcher->value($sql);
is_stored('crash', $canary, 'the server goes on');
nowhere_logged('all these', @kept);
is(scalar(grep { /terminated by signal/ && !/signal 9/ } lines_with(qr/terminated by signal/)), 0, 'nothing else crashed');

done_testing();
