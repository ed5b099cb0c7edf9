# pg_cron is the clock: one job that any operator makes, sees and takes away; by its
# workers and by connections; in its own database and, by the statement that the hint
# gives, in another; across restarts, on a standby and after its promotion, in a
# restored copy; and what there is without it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(usleep);

my $share = `pg_config --sharedir`;
chomp $share;
plan skip_all => 'pg_cron is not installed' unless -e "$share/extension/pg_cron.control";

# Passwords that must be in nothing that pg_cron keeps, nor in the log.
my @given = map { "canary$_" . unpack('H*', substr(new_key(), 0, 8)) } 1 .. 3;

sub rotate_by_generate
{
	my ($node, $db, $name, $value) = @_;

	value($node, "SELECT secrets.put('$name', '$value'), secrets.schedule_rotation('$name', '30 days')", $db);
	return;
}

# As if its time had come, or will come in so many seconds.
sub make_due
{
	my ($node, $db, $name, $seconds) = @_;
	my $at = sprintf q{clock_timestamp() + '%d seconds'}, $seconds || 0;

	value($node, "UPDATE secrets_catalog.rotation SET due_at = $at, next_at = $at WHERE secret_id = (SELECT id FROM secrets_catalog.secret WHERE name = '$name')", $db);
	return;
}

sub version { my ($node, $db, $name) = @_; return value($node, "SELECT secrets.current_version('$name')", $db); }

# At a minute's resolution, and some for a busy machine; asked now and then.
sub wait_for_tick { my ($condition, $what) = @_; return wait_for(sub { usleep(300_000); $condition->() }, $what, 180); }
sub wait_for_version { my ($node, $db, $name, $version) = @_; return wait_for_tick(sub { version($node, $db, $name) >= $version }, "version $version of $name in $db"); }

sub scheduler { my ($node, $db) = @_; return value($node, q{SELECT coalesce(scheduler_job::text, 'none'), scheduler_last IS NOT NULL FROM secrets.status()}, $db); }
sub job_shown { return (split /\|/, scheduler(@_))[0]; }
sub jobs { my ($node) = @_; return value($node, q{SELECT jobname, schedule, command, database, username = current_user, active FROM cron.job ORDER BY jobname}, 'app'); }

# What is refused quotes nothing of what was given.
sub refused_schedule
{
	my ($node, $every, $state, $name) = @_;
	my $result = run_sql($node, "SELECT secrets.enable_scheduler($every)", db => 'app');

	is($result->{state}, $state, $name) or diag("$result->{out} $result->{err}");
	unlike($result->{err}, qr/hunter/, "$name: not quoted");
	return;
}

# The statement at the end of a hint.
sub hinted
{
	my ($node, $sql, $db, $name) = @_;
	my $result = run_sql($node, $sql, db => $db);
	my ($statement) = $result->{err} =~ /HINT:.* run: (SELECT .*;)$/m;

	is($result->{state}, '55000', "$name: pg_cron is in another database");
	ok($statement, "$name: the hint has a statement") or diag($result->{err});
	return $statement;
}

# ---- without pg_cron: everything but the clock ----

my $plain = new_node('plain');
rotate_by_generate($plain, 'postgres', 'a/secret', 'x');
my $not_loaded = qr/pg_cron is not loaded.*HINT:.*postgresql-\d+-cron.*shared_preload_libraries.*cron\.database_name to "postgres".*CREATE EXTENSION pg_cron.*CALL secrets\.tick\(\)/s;
refused($plain, 'SELECT secrets.enable_scheduler()', '55000', $not_loaded, 'not loaded');
refused($plain, q{SET cron.database_name = 'postgres'; SELECT secrets.enable_scheduler()}, '55000', $not_loaded, 'not loaded, whatever somebody sets');
my $disabled = run_sql($plain, 'SELECT secrets.disable_scheduler()');
is($disabled->{state}, '', 'nothing to disable: no error');
like($disabled->{err}, qr/NOTICE:.*pg_cron is not loaded/, 'but a notice');
is(scheduler($plain), 'none|f', 'status: no job, never');
make_due($plain, 'postgres', 'a/secret');
value($plain, 'CALL secrets.tick()');
is(version($plain, 'postgres', 'a/secret'), 2, 'any other clock does as well');
is(scheduler($plain), 'none|t', 'status: when that was');
is(value($plain, 'SELECT count(*) FROM secrets_catalog.tick'), 1, 'one row says so');
# Without anything being tidied up it would be five pages; whoever looks on for a moment makes two of the one.
value($plain, 'CALL secrets.tick();' x 1000);
is(value($plain, q{SELECT count(*), pg_relation_size('secrets_catalog.tick') <= 2 * current_setting('block_size')::int FROM secrets_catalog.tick}), '1|t', 'many ticks leave no heap of dead rows');
value($plain, q{UPDATE secrets_catalog.tick SET last_at = '2100-01-01'});
value($plain, 'CALL secrets.tick()');
is(value($plain, 'SELECT last_at < now() FROM secrets_catalog.tick'), 't', 'a clock that was set back');
value($plain, q{CREATE ROLE writer; GRANT pg_write_all_data, pg_read_all_data TO writer});
is(value($plain, q{SET ROLE writer; SELECT count(*) FROM secrets_catalog.tick}), 0, 'pg_read_all_data does not see it');
refused($plain, q{SET ROLE writer; INSERT INTO secrets_catalog.tick VALUES (now())}, '42501', qr/row-level security/, 'pg_write_all_data adds none');
is(value($plain, q{SET ROLE writer; WITH u AS (UPDATE secrets_catalog.tick SET last_at = now() RETURNING 1) SELECT count(*) FROM u}), 0, 'nor changes it');
$plain->stop;

# ---- pg_cron's own database ----

my $clock = new_node('clock', extension => 0, start => 0, allows_streaming => 1, conf => <<'END');
shared_preload_libraries = 'pg_cron,secrets'
cron.database_name = 'app'
cron.use_background_workers = on
max_worker_processes = 20
END
configure($clock, "cron.host = '${\ $clock->host}'");
$clock->start;
value($clock, "CREATE DATABASE $_") foreach qw(app shop);
value($clock, 'CREATE EXTENSION secrets', $_) foreach qw(app shop);

# A schema of that name, made by somebody.
value($clock, 'CREATE ROLE mallory; GRANT CREATE ON DATABASE app TO mallory');
value($clock, <<'END', 'app');
SET ROLE mallory;
CREATE SCHEMA cron;
CREATE TABLE cron.caught (who name);
GRANT ALL ON SCHEMA cron TO public;
GRANT ALL ON cron.caught TO public;
CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint LANGUAGE sql AS 'INSERT INTO cron.caught VALUES (current_user); SELECT 1::bigint';
CREATE FUNCTION cron.unschedule(job_id bigint) RETURNS boolean LANGUAGE sql AS 'INSERT INTO cron.caught VALUES (current_user); SELECT true';
CREATE TABLE cron.job (jobid bigint, schedule text, command text, nodename text, nodeport int, database text, username text, active boolean, jobname text);
END
value($clock, q{INSERT INTO cron.job SELECT 7, '* * * * *', 'CALL secrets.tick()', 'localhost', 5432, 'app', current_user, true, 'secrets'}, 'app');
refused($clock, 'SELECT secrets.enable_scheduler()', '55000', qr/HINT:  CREATE EXTENSION pg_cron/, 'a schema that is not its own', db => 'app');
is(run_sql($clock, 'SELECT secrets.disable_scheduler()', db => 'app')->{state}, '', 'nor is its job disabled');
is(job_shown($clock, 'app'), 'none', 'nor shown');
is(value($clock, 'SELECT count(*) FROM cron.caught', 'app'), 0, 'nothing of it is called');
value($clock, 'DROP SCHEMA cron CASCADE', 'app');
refused($clock, 'SELECT secrets.enable_scheduler()', '55000', qr/HINT:  CREATE EXTENSION pg_cron/, 'not created yet', db => 'app');
value($clock, 'CREATE EXTENSION pg_cron', 'app');

# Some have it in seconds.
my $in_seconds = value($clock, q{SELECT extversion ~ '^1\.[5-9]' FROM pg_extension WHERE extname = 'pg_cron'}, 'app') eq 't';
my $every = $in_seconds ? '1 second' : '* * * * *';

# ---- who may ----

value($clock, 'CREATE ROLE ops LOGIN');
refused($clock, "SELECT secrets.$_", '42501', qr/permission denied/, "$_ without operate", db => 'app', params => [ '-U', 'ops' ])
  foreach 'enable_scheduler()', 'disable_scheduler()';
value($clock, q{SELECT secrets.grant('operate', '**', 'ops')}, 'app');
my $made = run_sql($clock, 'SELECT secrets.enable_scheduler()', db => 'app', params => [ '-U', 'ops' ]);
like($made->{out}, qr/^\d+$/, 'with operate: the number of the job') or diag($made->{err});
is(jobs($clock), 'secrets|* * * * *|CALL secrets.tick()|app|t|t', "the job, the owner's");
is(job_shown($clock, 'app'), $made->{out}, 'status shows it');
value($clock, 'CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor');
is(run_sql($clock, 'SELECT scheduler_job FROM secrets.status()', db => 'app', params => [ '-U', 'monitor' ])->{out}, $made->{out}, 'to pg_monitor too');
is(value($clock, "SELECT secrets.enable_scheduler('0 * * * *')", 'app'), $made->{out}, 'another operator gives it another schedule');
is(jobs($clock), 'secrets|0 * * * *|CALL secrets.tick()|app|t|t', 'it is the same job');

# ---- schedules ----

refused_schedule($clock, 'NULL', '22004', 'NULL');
refused_schedule($clock, $$_[0], '22023', $$_[1])
  foreach [ q{'hunter2'}, 'a word' ], [ q{''}, 'nothing' ], [ q{'61 * * * *'}, 'no such minute' ], [ q{'* * * *'}, 'four fields' ],
  [ q{'* * * * * hunter2'}, 'something more' ], [ q{'@hunter2'}, 'a word of cron' ], [ q{'10 seconds hunter2'}, 'more after seconds' ],
  [ q{repeat('1,', 130) || '1 * * * *'}, 'too long' ], [ q{'* * * * hunter; DROP'}, 'other letters' ], [ q{'60 seconds'}, 'too many seconds' ];
if ($in_seconds)
{
	is(value($clock, q{SELECT secrets.enable_scheduler('10 seconds')}, 'app'), $made->{out}, 'in seconds');
}
else
{
	refused($clock, q{SELECT secrets.enable_scheduler('10 seconds')}, '22023', qr/HINT:.*since pg_cron 1\.5/, 'seconds where it has none', db => 'app');
}
unlike(log_since($clock), qr/hunter2/, 'what was refused is not in the log');

# ---- off and on ----

value($clock, "SELECT cron.alter_job($made->{out}, active => false)", 'app');
is(job_shown($clock, 'app'), 'none', 'a job that was switched off is none');
value($clock, 'SELECT secrets.enable_scheduler()', 'app');
like(job_shown($clock, 'app'), qr/^\d+$/, 'enabled again, it is on again');
value($clock, q{UPDATE cron.job SET nodename = 'elsewhere.invalid', nodeport = 1, database = 'shop' WHERE jobname = 'secrets'}, 'app');
value($clock, 'SELECT secrets.enable_scheduler()', 'app');
is(value($clock, q{SELECT nodename = current_setting('cron.host'), nodeport = current_setting('port')::int, database FROM cron.job}, 'app'), 't|t|app', "another server's job is made anew");
value($clock, 'SELECT secrets.disable_scheduler()', 'app');
is(jobs($clock), '', 'disabled: no job');
like(run_sql($clock, 'SELECT secrets.disable_scheduler()', db => 'app')->{err}, qr/NOTICE:.*there is no job/, 'twice: a notice');
value($clock, q{BEGIN; SELECT secrets.enable_scheduler(); ROLLBACK}, 'app');
is(jobs($clock), '', 'rolled back: no job');
my $others = value($clock, q{SELECT cron.schedule('secrets', '0 0 1 1 *', 'SELECT 1')}, 'app');
refused($clock, 'SELECT secrets.enable_scheduler()', '42710', qr/HINT:  SELECT cron\.unschedule\($others\)/, 'another job of that name', db => 'app');
value($clock, 'SELECT secrets.disable_scheduler()', 'app');
is(jobs($clock), 'secrets|0 0 1 1 *|SELECT 1|app|t|t', 'it stays');
value($clock, "SELECT cron.unschedule($others)", 'app');
is(value($clock, q{SELECT string_agg(concat_ws(' ', role = current_user, via, detail->>'scheduler', detail->>'every'), ', ' ORDER BY event_id)
	FROM (SELECT * FROM secrets.audit_log WHERE action = 'config' AND detail ? 'scheduler' ORDER BY event_id LIMIT 2) first}, 'app'),
	'f api enabled * * * * *, t api enabled 0 * * * *', 'lines say who set it to what');
is(value($clock, q{SELECT concat_ws(' ', via, detail->>'scheduler', detail->>'every') FROM secrets.audit_log WHERE action = 'config' AND detail ? 'scheduler' ORDER BY event_id DESC LIMIT 1}, 'app'),
	'api disabled', 'and who took it away');

# An owner who cannot: as little as pg_cron will let him.
value($clock, 'CREATE ROLE keeper NOLOGIN; GRANT USAGE ON SCHEMA secrets_catalog TO keeper', 'app');
my $owner = value($clock, 'SELECT current_user');
my $give = q{SELECT format('ALTER TABLE secrets_catalog.%%I OWNER TO %%I', relname, '%s') FROM pg_class
	WHERE relnamespace = 'secrets_catalog'::regnamespace AND relkind IN ('r', 'f') \\gexec};
value($clock, sprintf($give, 'keeper'), 'app');
refused($clock, 'SELECT secrets.enable_scheduler()', '55000', qr/HINT:  ALTER ROLE keeper LOGIN/, 'an owner who cannot log in', db => 'app');
value($clock, 'ALTER ROLE keeper LOGIN');
refused($clock, 'SELECT secrets.enable_scheduler()', '42501', qr/HINT:  GRANT USAGE ON SCHEMA cron TO keeper/, 'an owner who may not use pg_cron', db => 'app');
is(job_shown($clock, 'app'), 'none', 'status works for him');
value($clock, sprintf($give, $owner), 'app');
value($clock, 'REVOKE USAGE ON SCHEMA secrets_catalog FROM keeper', 'app');

# And one whom the rules are for too.
configure($clock, 'secrets.superuser_bypass = off', 'reload');
wait_for(sub { value($clock, 'SHOW secrets.superuser_bypass') eq 'off' }, 'reload of secrets.superuser_bypass');
my $warned = run_sql($clock, q{SELECT secrets.enable_scheduler('0 0 1 1 *')}, db => 'app', params => [ '-U', 'ops' ]);
like($warned->{err}, qr/WARNING:.*will be refused to the job.*HINT:  SELECT secrets\.grant\('operate', '\*\*', '\Q$owner\E'\)/s, 'an owner who may not operate: a warning');
refused($clock, 'CALL secrets.tick()', '42501', qr/./, 'as it says', db => 'app');
configure($clock, 'secrets.superuser_bypass = on', 'reload');
wait_for(sub { value($clock, 'SHOW secrets.superuser_bypass') eq 'on' }, 'reload of secrets.superuser_bypass');

# ---- it ticks: here, and by the hint in another database ----

rotate_by_generate($clock, $$_[0], 'app/db', $$_[1]) foreach [ 'app', $given[0] ], [ 'shop', $given[1] ];
make_due($clock, $_, 'app/db') foreach qw(app shop);
value($clock, "SELECT secrets.enable_scheduler('$every')", 'app');
my $schedule = hinted($clock, "SELECT secrets.enable_scheduler('$every')", 'shop', 'enable');
is($schedule, "SELECT cron.schedule_in_database('secrets in shop', '$every', 'CALL secrets.tick()', 'shop');", 'the statement');
value($clock, $schedule, 'app');
is(job_shown($clock, 'shop'), 'none', 'not to be seen from there');
value($clock, q{CREATE DATABASE "it's ""odd"" \ here"});
value($clock, 'CREATE EXTENSION secrets', q{it's "odd" \ here});
value($clock, hinted($clock, "SELECT secrets.enable_scheduler('$every')", q{it's "odd" \ here}, 'an odd name'), 'app');
is(value($clock, q{SELECT count(*) FROM cron.job j JOIN pg_database d ON d.datname = j.database WHERE j.jobname = 'secrets in ' || d.datname}, 'app'), 2, 'both jobs name their databases');
wait_for_version($clock, $_, 'app/db', 2) foreach qw(app shop);
wait_for_tick(sub { value($clock, q{SELECT count(DISTINCT jobid) FROM cron.job_run_details WHERE status = 'succeeded'}, 'app') >= 3 }, 'three jobs that succeeded');
is(value($clock, q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}, 'app'), 0, 'none that failed');
like(scheduler($clock, 'app'), qr/^\d+\|t$/, 'status: the job, and that it ran');
is(scheduler($clock, 'shop'), 'none|t', 'in the other database: that it ran');
is(value($clock, q{SELECT DISTINCT via FROM secrets.audit_log WHERE name = 'app/db' AND version = 2 AND action IN ('rotate', 'write')}, $_), 'scheduler', "$_: the lines say by whom")
  foreach qw(app shop);
is(value($clock, q{SELECT last_status, failures, next_at > now() + '29 days' FROM secrets.rotations}, 'app'), 'succeeded|0|t', 'the next time is in 30 days');
value($clock, hinted($clock, 'SELECT secrets.disable_scheduler()', $_, 'disable'), 'app') foreach 'shop', q{it's "odd" \ here};
is(value($clock, 'SELECT jobname FROM cron.job', 'app'), 'secrets', 'its hint takes the job out');

# ---- sealed ----

value($clock, 'SELECT secrets.seal()', 'app');
make_due($clock, 'app', 'app/db');
my $runs = q{SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded' AND start_time > '%s'};
my $since = value($clock, 'SELECT clock_timestamp()');
is(run_sql($clock, 'CALL secrets.tick()', db => 'app')->{state}, '', 'sealed: a tick does not fail');
like(scheduler($clock, 'app'), qr/^\d+\|t$/, 'sealed: status shows it');
refused($clock, "SELECT secrets.$_", '58000', qr/sealed/, "sealed: $_", db => 'app') foreach 'enable_scheduler()', 'disable_scheduler()';
if ($in_seconds)
{
	wait_for_tick(sub { value($clock, sprintf($runs, $since), 'app') > 0 }, 'a run while sealed');
	is(value($clock, q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}, 'app'), 0, 'sealed: nor does a job');
}
is(value($clock, q{SELECT max(version) FROM secrets_catalog.version}, 'app'), 2, 'sealed: nothing was rotated');
value($clock, 'SELECT secrets.unseal()', 'app');
value($clock, 'CALL secrets.tick()', 'app');
wait_for_version($clock, 'app', 'app/db', 3);

# ---- a copy of the database, a standby ----

my $dump = $clock->basedir . '/app.dump';
command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $clock->connstr('app') ], 'a dump with the job in it');
$clock->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($clock, 'base', has_streaming => 1);
$standby->{root_path} = write_key($standby->basedir . '/root.key', $clock->{root_key});
set_root_key($standby, "file:$standby->{root_path}");
$standby->start;

my $copy = new_node('copy', extension => 0, start => 0, key => $clock->{root_key}, conf => <<'END');
shared_preload_libraries = 'pg_cron,secrets'
cron.database_name = 'app'
cron.use_background_workers = on
max_worker_processes = 20
END
$copy->start;
value($copy, 'CREATE ROLE ops LOGIN; CREATE ROLE keeper LOGIN');
value($copy, 'CREATE DATABASE app');
command_ok([ 'pg_restore', '-d', $copy->connstr('app'), $dump ], 'restored in another cluster');
# The restore is over: it is not for that that nothing happens.
value($copy, q{SELECT secrets.put('local', 'x')}, 'app');
make_due($copy, 'app', 'app/db');
my $restored = value($copy, 'SELECT clock_timestamp()');

# ---- by connections, and a time that passes while the server is down ----

make_due($clock, 'app', 'app/db', 2);
$clock->stop;
configure($clock, 'cron.use_background_workers = off');
sleep 3;
$clock->start;
wait_for_version($clock, 'app', 'app/db', 4);
is(value($clock, 'SHOW cron.use_background_workers'), 'off', 'by connections:');
value($clock, 'CALL secrets.tick()', 'app');
is(version($clock, 'app', 'app/db'), 4, 'what was missed is made up, once');
is(value($clock, q{SELECT count(DISTINCT pid) FROM secrets.audit_log WHERE name = 'app/db' AND version = 4 AND via = 'scheduler'}, 'app'), 1, 'and the lines say by whom');

# ---- the copy's own job ----

wait_for_tick(sub { value($copy, sprintf($runs, $restored), 'app') > 0 }, "a run of the copy's job");
is(value($copy, q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}, 'app'), 0, "the copy's job does not fail");
is(version($copy, 'app', 'app/db'), 3, 'but what was scheduled elsewhere does not happen');
is(value($copy, 'SELECT state FROM secrets.rotations', 'app'), 'foreign', 'it is foreign');
is(value($copy, 'SELECT secrets.adopt()', 'app'), 1, 'adopted');
is(value($copy, 'SELECT state FROM secrets.rotations', 'app'), 'active', 'it is active');
make_due($copy, 'app', 'app/db');

# ---- the standby, before and after ----

$clock->wait_for_catchup($standby);
is(version($standby, 'app', 'app/db'), 4, 'the standby has followed');
is(scheduler($standby, 'app'), scheduler($clock, 'app'), 'its status shows the job');
unlike(log_since($standby), qr/cron job \d+ starting/, 'but the job sleeps there');
refused($standby, 'SELECT secrets.enable_scheduler()', '25006', qr/./, 'enable on a standby', db => 'app');
make_due($clock, 'app', 'app/db', 3600);
$clock->wait_for_catchup($standby);
$clock->stop('immediate');
$standby->promote;
make_due($standby, 'app', 'app/db');
wait_for_version($standby, 'app', 'app/db', 5);
like(log_since($standby), qr/cron job \d+ starting/, 'promoted, it goes on by itself');
wait_for_version($copy, 'app', 'app/db', 4);
ok(1, "adopted, the copy's own job rotates");

# ---- what pg_cron keeps ----

push @given, map { value($$_[0], q{SELECT secrets.get('app/db')}, $$_[1]) } [ $standby, 'app' ], [ $standby, 'shop' ], [ $copy, 'app' ];
foreach my $node ($standby, $copy)
{
	my $kept = value($node, 'SELECT j::text FROM cron.job j UNION ALL SELECT d::text FROM cron.job_run_details d', 'app');

	ok($kept =~ /CALL secrets\.tick\(\)/, $node->name . ': it keeps the command');
	is(scalar(grep { index($kept, $_) >= 0 } @given), 0, $node->name . ': and no value');
}
is_deeply([ files_with($_->logfile, @given) ], [], $_->name . ': nor has the log one') foreach $clock, $standby, $copy;

done_testing();
