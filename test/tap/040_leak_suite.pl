# Every way in that we know, and every place where a server writes down what it was told:
# a value that comes by a bound parameter, or is made here, is in none of them; one in
# a literal only where the table below says, and why.  With every log setting on, and
# with what else looks at statements loaded before us and after us.  And the same ways in
# where redaction is off: there the search finds them.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use LeakDoors;
use LeakTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

# ---- what is excepted, and why ----

my @logs = map { "log: $_" } 'stderr', 'stderr, squeezed', 'csv', 'json', 'syslog';
# Whoever stores it himself has it in the table, and in whatever copies tables.
my @tables = ('base', 'pg_wal', 'pg_basebackup');
my @copies = ('pg_dump', 'pg_dump -Fc', 'pg_dumpall');

my @excepted = (
	{ door => 'literal: not understood yet', places => ['pg_stat_activity, meanwhile'], always => 1,
		why => 'the server shows a statement before it asks any extension' },
	{ door => 'read: in a cursor that is spilled', places => ['base/pgsql_tmp'], always => 1,
		why => 'the executor writes down what it has no room for' },
	{ door => qr/^(bind|literal): fails: (the same key twice|no such key|at COMMIT)$/, places => \@tables, always => 1,
		why => 'the row was in a table of the user when that failed' },
	{ door => 'stored: in a table, and from there', places => [ @tables, @copies, 'decoding' ], always => 1,
		why => 'it is in a table of the user' },
	{ door => 'stored: in a function', places => [ @tables, @copies, 'catalogs and views' ], always => 1,
		why => 'it is what the function says' },
	{ door => 'stored: in a default', places => [ @tables, @copies, 'catalogs and views' ], always => 1,
		why => 'it is what the default says' },
	{ door => 'stored: in a view', places => [ @copies, 'catalogs and views' ], always => 1,
		why => 'it is what the view says' },
	{ door => 'stored: in a view', places => \@tables,
		why => 'the same, but for compression' },
	{ door => 'stored: in a user mapping', places => [ @tables, @copies, 'catalogs and views' ], always => 1,
		why => 'PostgreSQL keeps it in clear, for who may read everything' },
	{ door => 'stored: in a subscription', places => [ 'global', 'pg_wal', 'pg_basebackup', @copies, 'catalogs and views' ], always => 1,
		why => 'PostgreSQL keeps it in clear, for superusers' },
	{ door => 'stored: in a job of pg_cron', places => [ @tables, @copies, 'decoding', 'cron.job', 'cron.job_run_details' ], always => 1, module => 'pg_cron',
		why => 'it is in the tables of pg_cron' },
	{ door => qr/^unknown: a (literal|setting)$/, places => [ @logs, 'pg_stat_activity, after' ], always => 1,
		why => 'nothing says that it is a secret' },
	{ door => 'unknown: a setting', places => [ 'pg_stat_statements', 'pg_stat_tmp' ],
		why => 'PostgreSQL before 18 has no placeholders for it' },
	{ door => qr/^unknown: a parameter/, places => \@logs, always => 1,
		why => 'nothing says that it is a secret' },
	{ door => 'unknown: sent to another server', places => \@logs, always => 1,
		why => 'nothing says so there' },
	{ door => 'bind: COPY that passes over what is no date', places => ['notices'], always => 1, server => 17,
		why => 'the client is told what it sent' },
	{ door => 'unknown: sent to another server', places => [qr/^pg_stat_activity/],
		why => 'as long as that session is there' },
);

# ---- servers ----

diag("without @{[ grep { !$has{$_} } qw(pg_stat_statements auto_explain pgaudit pg_cron) ]}") if @modules < 4;

my $everything = <<'END';
wal_level = logical
max_prepared_transactions = 10
max_connections = 50
max_worker_processes = 20
max_wal_senders = 10
restart_after_crash = on
deadlock_timeout = 50ms
secrets.max_value_size = 20000
secrets.redact_functions = 'app.keep_static, app.keep_using, app.keep_quoted, app.keep_sql, app.keep_atomic, app.keep_call, app.keep_commit, app.tells, app.shout, app.boom, app.boom_sql, app.moving, far_inbox'
logging_collector = on
log_rotation_size = 0
log_rotation_age = 0
syslog_split_messages = off
log_duration = on
log_min_duration_statement = 0
log_min_duration_sample = 0
log_statement_sample_rate = 1
log_transaction_sample_rate = 1
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
log_connections = on
log_disconnections = on
log_replication_commands = on
log_lock_waits = on
log_recovery_conflict_waits = on
log_checkpoints = on
log_autovacuum_min_duration = 0
log_temp_files = 0
log_parser_stats = on
log_planner_stats = on
log_executor_stats = on
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
trace_notify = on
trace_sort = on
compute_query_id = on
track_functions = all
track_io_timing = on
END

my %of_module = (
	pg_stat_statements => <<'END',
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
pg_stat_statements.track_planning = on
END
	auto_explain => <<'END',
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_buffers = on
auto_explain.log_settings = on
auto_explain.log_triggers = on
auto_explain.log_nested_statements = on
END
	pgaudit => <<'END',
pgaudit.log = 'all'
pgaudit.log_parameter = on
pgaudit.log_catalog = on
pgaudit.log_relation = on
pgaudit.log_rows = on
pgaudit.role = 'auditor'
END
	pg_cron => <<'END',
cron.database_name = postgres
cron.log_run = on
cron.log_statement = on
END
);

sub new_server
{
	my ($name, @libraries) = @_;
	my $hunt = new_hunt($name, conf => $everything);
	my $node = $hunt->{node};
	my $destinations = 'stderr,csvlog' . ($node->pg_version >= 15 ? ',jsonlog' : '');

	$hunt->{excepted} = [ grep { is_here($node, $_) } @excepted ];
	$hunt->{shim} = syslog_shim($node);
	$destinations .= ',syslog' if $hunt->{shim};
	diag("$name: no C compiler, so nothing is known about syslog") unless $hunt->{shim};
	configure($node, "shared_preload_libraries = '" . join(',', @libraries) . "'\nlog_directory = '$hunt->{logs}'\nlog_destination = '$destinations'\n");
	configure($node, $of_module{$_}) foreach grep { $of_module{$_} } @libraries;
	configure($node, 'auto_explain.log_parameter_max_length = -1') if $has{auto_explain} && $node->pg_version >= 16;
	$hunt->add_place('log: stderr', $node->logfile);
	$hunt->add_place('log: syslog', $node->basedir . '/syslog') if $hunt->{shim};
	foreach my $directory (qw(base base/pgsql_tmp global pg_wal pg_stat pg_stat_tmp pg_notify pg_replslot pg_logical pg_twophase))
	{
		$hunt->add_place($directory, $node->data_dir . "/$directory");
	}
	$hunt->add_place('the rest of the data directory', $node->data_dir);
	$hunt->add_place('pg_basebackup', $node->basedir . '/copy');
	return $hunt;
}

# Names that the collector gives: one for each format.
sub name_logs
{
	my %endings = (log => 'stderr', csv => 'csv', json => 'json');

	foreach my $ending (sort keys %endings)
	{
		$hunt->add_place("log: $endings{$ending}", $_) foreach glob "$hunt->{logs}/*.$ending";
	}
	# A tree that is printed prettily is broken in the midst of numbers, and base64 anywhere.
	$hunt->keep('log: stderr, squeezed', logged() =~ tr/ \t\n//dr);
	return;
}

# A server that speaks German, where only C.UTF-8 is installed: a locale is what it is called.
# False: there is none to copy, or no translation.
sub speak_german
{
	my ($hunt) = @_;
	my $locales = $hunt->{node}->basedir . '/locales';
	my ($known) = grep { -d } '/usr/lib/locale/C.utf8', '/usr/lib/locale/C.UTF-8';
	chomp(my $translations = `pg_config --localedir`);

	return 0 if !$known || !glob "$translations/de/LC_MESSAGES/postgres-*.mo";
	mkdir $locales or die "$locales: $!";
	PostgreSQL::Test::RecursiveCopy::copypath($known, "$locales/$_") foreach 'C.utf8', 'de_DE.utf8';
	$hunt->{locales} = $locales;
	configure($hunt->{node}, "lc_messages = 'de_DE.UTF-8'\n");
	return 1;
}

sub start
{
	local $ENV{LD_PRELOAD} = $hunt->{shim} if $hunt->{shim};
	local $ENV{SYSLOG_FILE} = $node->basedir . '/syslog';
	local $ENV{LOCPATH} = $hunt->{locales} if $hunt->{locales};

	$node->start;
	return reconnect();
}

# ---- a word that is everywhere ----

# By it every place shows that what is there is found.
sub plant
{
	$door = $hunt->add_door('the word that is everywhere', control => 1, plain => 1);
	my $word = $door->{value};
	my ($other, $sleeper, $ear) = map { connect_to($node) } 1 .. 3;

	must(qq{CREATE TABLE app.control AS SELECT '$word'::text AS v});
	must("COMMENT ON ROLE watcher IS '$word'");
	must("CREATE ROLE $word LOGIN");
	$hunt->{titled} = connect_to($node, user => $word);
	must("SELECT '$word'");
	see();
	must("PREPARE control AS SELECT '$word'");
	must('BEGIN');
	must("DECLARE control CURSOR WITH HOLD FOR SELECT '$word'");
	must('COMMIT');
	see();
	must('CLOSE control');
	must('DEALLOCATE control');
	must("INSERT INTO app.watched SELECT 1 WHERE '$word' <> ''");
	must("SELECT '$word', app.asks()");
	must("SELECT secrets.try_get('$word')");
	must("CREATE VIEW app.control_view AS SELECT '$word'::text AS v");
	$hunt->keep('EXPLAIN by somebody else', helper('EXPLAIN (VERBOSE) SELECT * FROM app.control_view'));
	must("DO \$\$ BEGIN RAISE NOTICE '$word'; END \$\$");
	plant_statistics();
	must("SELECT pg_create_logical_replication_slot('$word', 'test_decoding')");
	must('BEGIN');
	must("INSERT INTO app.control VALUES ('$word')");
	must("PREPARE TRANSACTION '$word'");
	$other->send("SELECT '$word', pg_sleep(60)");
	seen_waiting($other);
	plant_notifications($word);
	# A result that does not fit into memory.
	$hunt->{holder} = connect_to($node);
	$hunt->{holder}->value(q{SET work_mem = '64kB'});
	$hunt->{holder}->value("BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT '$word' || n FROM generate_series(1, 3000) n; COMMIT");
	return unless $has{pg_cron};
	must("SELECT cron.schedule('$door->{secret}', '${\ job_schedule()}', 'SELECT ''$word''')");
	push @{ $hunt->{jobs} }, $door;
	return;
}

# On disk are only those that somebody does not fetch.
sub plant_notifications
{
	my ($word) = @_;
	my ($ear, $sleeper) = map { connect_to($node) } 1, 2;

	$ear->value('LISTEN control');
	must("NOTIFY control, '$word'");
	wait_for(sub { $ear->value('SELECT 1'); scalar @{ $ear->{heard} } }, 'the notification');
	$hunt->keep('notifications', join "\n", @{ $ear->{heard} });
	$sleeper->value('LISTEN noise');
	$sleeper->value('BEGIN');
	$sleeper->value('SELECT 1');
	$hunt->{sleeper} = $sleeper;
	must("SELECT count(pg_notify('noise', '$word' || n || repeat('x', 7000))) FROM generate_series(1, 60) n");
	return;
}

# They are in memory; on disk beside it, and when the server has stopped.
sub plant_statistics { helper("DO \$\$ BEGIN PERFORM '$hunt->{doors}[0]{value}'; END \$\$"); return; }

# Where no way leads in by itself.
sub plant_files
{
	append_to_file($node->data_dir . "/$_/planted", $hunt->{doors}[0]{value}) foreach 'pg_logical', '.';
	return;
}

# ---- looking ----

# What became of them.
sub await_jobs
{
	my @jobs = @{ $hunt->{jobs} || [] } or return;

	foreach my $job (@jobs)
	{
		wait_for(sub { helper("SELECT count(*) FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE j.jobname = '$job->{secret}' AND d.status = 'succeeded'") },
			"pg_cron: $job->{name}", 120);
	}
	$hunt->keep('cron.job', helper('SELECT j::text FROM cron.job j'));
	helper('SELECT cron.unschedule(jobid) FROM cron.job');
	$hunt->keep('cron.job_run_details', helper('SELECT d::text FROM cron.job_run_details d'));
	foreach (grep { $_->{name} =~ /^made/ } @jobs)
	{
		$door = $_;
		remember_made($door->{secret});
	}
	return;
}

# Every other catalog and view.
sub see_catalogs
{
	foreach my $relation (split /\n/, helper(q{SELECT c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'f')
			AND c.relnamespace IN ('pg_catalog'::regnamespace, 'secrets'::regnamespace, 'secrets_catalog'::regnamespace)
			AND c.relname NOT IN ('audit_log', 'pg_stat_activity', 'pg_prepared_statements', 'pg_cursors', 'pg_backend_memory_contexts')}))
	{
		my $answer = $hunt->{helper}->ask("SELECT t::text FROM $relation t");
		$hunt->keep('catalogs and views', "$relation: $answer->{out}") if $answer->{state} eq '';
	}
	return;
}

sub program
{
	my ($place, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ @command, '-d', $node->connstr('postgres') ], '<', \undef, '>', \$out, '2>', \$err) or die "@command: $err";
	$hunt->keep($place, $out);
	return;
}

sub see_all
{
	await_jobs();
	see();
	see_notices();
	# Some are forgotten meanwhile.
	plant_statistics();
	see_statistics();
	see_catalogs();
	foreach my $who ('trigger', 'event trigger', 'function')
	{
		$hunt->keep("current_query(), $who", helper("SELECT query FROM app.seen WHERE who = '$who'"));
	}
	$hunt->keep('audit_log', helper('SELECT l::text FROM secrets.audit_log l'));
	$hunt->keep('export_audit()', helper('SELECT * FROM secrets.export_audit()'));
	$hunt->keep('decoding', helper(q{SELECT data FROM pg_logical_slot_peek_changes('stream', NULL, NULL)}));
	program('pg_dump', 'pg_dump');
	program('pg_dump -Fc', 'pg_dump', '-Fc', '-Z0');
	program('pg_dumpall', 'pg_dumpall');
	program('pg_basebackup', 'pg_basebackup', '-c', 'fast', '-D', $node->basedir . '/copy', '--no-sync');
	return;
}

# The end of a backend that runs a statement: the postmaster tells which, and all starts anew.
sub kill_one
{
	my ($name, $sends) = @_;

	$door = $hunt->add_door($name);
	my $other = connect_to($node);
	$sends->($other);
	wait_for(sub { helper("SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pid} AND wait_event = 'PgSleep'") }, 'a statement that waits');
	kill 'KILL', $other->{pid};
	wait_for(sub { $hunt->{helper}->ask('SELECT 1')->{state} ne '' }, 'the end of all sessions');
	wait_for(sub { eval { reconnect(); 1 } }, 'the server');
	is($other->answer->{state}, '08006', "$hunt->{name}: $name: done");
	return;
}

sub look_everywhere
{
	see_all();
	helper('CHECKPOINT');
	plant_files();
	$hunt->look('running', $node->data_dir);
	kill_one('literal: killed while it runs', sub { $_[0]->send(fill('SELECT secrets.put({n}, {v}), pg_sleep(60)')) });
	kill_one('bind: killed while it runs', sub { $_[0]->write(LeakTest::Client::call('SELECT secrets.put($1, $2), pg_sleep(60)', [ $door->{secret}, $door->{value} ]) . LeakTest::Client::sync()) });
	$node->stop('immediate');
	start();
	$hunt->look('recovered', $node->data_dir);
	helper(q{COMMIT PREPARED 'two'});
	$door = $hunt->{prepared};
	is(helper(fill('SELECT secrets.get({n})')), $door->{value}, "$hunt->{name}: the prepared transaction brought in what it should");
	plant_statistics();
	$_->close foreach $client, $hunt->{watcher}, $hunt->{helper};
	$node->stop;
	name_logs();
	$hunt->look('stopped', $node->data_dir, $node->logfile, $hunt->{logs}, $node->basedir . '/syslog', $node->basedir . '/copy', $hunt->{seen});
	return;
}

# ---- the verdict ----

sub judge
{
	my $control = $hunt->hits($hunt->{doors}[0]);
	my @tried = grep { !$_->{control} } @{ $hunt->{doors} };
	my @places = $hunt->places;

	is_deeply([ $hunt->misses ], [], "$hunt->{name}: all that is looked for would be found: " . keys(%{ $hunt->{of} }) . ' spellings');
	is_deeply([ grep { !$control->{$_} } @places ], [], "$hunt->{name}: in every place: " . @places);
	foreach my $place (qw(base global pg_wal pg_twophase pg_replslot))
	{
		is(join(' ', sort keys %{ $control->{$place}{at} }), 'recovered running stopped', "$hunt->{name}: $place, at all times");
	}
	foreach my $name ('literal: plain', 'bind: a named statement')
	{
		my $secret = $hunt->{door}{$name}{secret};
		like(slurp_file("$hunt->{seen}/log-stderr-squeezed"), qr/secrets\.put\('$secret','\*+'\)|\$1='$secret',\$2='\*+'/, "$hunt->{name}: $name: the name of the secret is still there");
	}
	my $warned = () = slurp_file("$hunt->{seen}/notices") =~ /stands in the statement/g;
	cmp_ok($warned, $hunt->{is_warned} ? '>' : '==', $hunt->{is_warned} ? 50 : 0, "$hunt->{name}: notices of literals, which were looked at too");
	cmp_ok(scalar @tried, '>=', 60, "$hunt->{name}: ways in");
	cmp_ok(scalar @places, '>=', 25, "$hunt->{name}: places to look");
	diag(sprintf '%s: %d ways in x %d places: %d looked at', $hunt->{name}, scalar @tried, scalar @places, @tried * @places);
	$hunt->judge;
	return;
}

# ---- with redaction ----

my @hunts = (
	new_server('before', @modules, 'secrets'),
	new_server('after', 'secrets', @modules));

configure($hunts[0]{node}, "log_statement = all\nlog_min_messages = debug5\nlog_min_error_statement = debug5\ntrack_activity_query_size = 65536\nsecrets.literals = warn\n");
$hunts[0]{is_warned} = 1;
configure($hunts[0]{node}, "cron.use_background_workers = on\n") if $has{pg_cron};
configure($hunts[1]{node}, "log_statement = ddl\ndebug_pretty_print = off\nlog_parameter_max_length = 20\nlog_parameter_max_length_on_error = 20\n");
my $is_german = speak_german($hunts[1]) or diag('after: speaks English, for there is no locale or no translation');
configure($hunts[1]{node}, "cron.host = '${\ $hunts[1]{node}->host}'\n") if $has{pg_cron};
configure($hunts[1]{node}, "auto_explain.log_format = json\n") if $has{auto_explain};

# Jobs have their minute while all else is tried.
foreach my $one (@hunts)
{
	turn_to($one);
	start();
	furnish();
	plant();
	try_jobs();
}
foreach my $one (@hunts)
{
	turn_to($one);
	try_doors();
}
like($client->ask('SELECT 1 / 0')->{err}, $is_german ? qr/durch Null/ : qr/by zero/, 'after: speaks another language, which quotes with other quotes');
try_rejected();

# ---- without it ----

my $off = new_hunt('off', conf => <<"END");
secrets.redact_logs = off
log_statement = all
log_parameter_max_length = -1
log_error_verbosity = verbose
max_prepared_transactions = 10
deadlock_timeout = 50ms
secrets.max_value_size = 20000
END
$off->add_place('log: stderr', $off->{node}->logfile);
$off->{small} = 1;
turn_to($off);
start();
furnish();
try_doors();
$node->stop;
$hunt->look('stopped', $node->logfile);
my @unseen = map { $_->{name} } grep { !$hunt->hits($_)->{'log: stderr'} } @{ $hunt->{doors} };
cmp_ok(scalar @{ $hunt->{doors} }, '>=', 60, 'off: ways in');
is_deeply(\@unseen, [], 'off: what comes by any of them is in the log: ' . @{ $hunt->{doors} }) or diag(join ', ', @unseen);

# ---- the verdict ----

foreach my $one (@hunts)
{
	turn_to($one);
	look_everywhere();
	judge();
}

done_testing();
