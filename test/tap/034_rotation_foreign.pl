# Schedules that were made elsewhere do not run: not in a restored dump, not in a copy
# of the database, not before a restore is over, not on a standby, not where the server
# is sealed; by nobody, until an operator adopts them.  What is a copy must not change
# the passwords of the original.  A standby that is promoted goes on where its primary was.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use LoginTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

sub node
{
	my ($name, %options) = @_;
	my $node = new_node($name, start => 0, extension => 0, %options);

	let_in_by_password($node);
	$node->start;
	return $node;
}

# ---- questions ----

# All that a rotation changes: versions of this database, and roles of the cluster.
sub state_of
{
	my ($node, $db) = @_;
	return value($node, q{SELECT name, current_version FROM secrets.secrets ORDER BY name}, $db) . "\n"
	  . value($node, q{SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY rolname}, $db);
}

sub states
{
	my ($node, $db) = @_;
	return value($node, q{SELECT coalesce(string_agg(name, ' ' ORDER BY name) FILTER (WHERE state = 'active'), ''),
		coalesce(string_agg(name, ' ' ORDER BY name) FILTER (WHERE state = 'foreign'), '') FROM secrets.rotations}, $db);
}

sub make_all_due
{
	my ($node, $db, @names) = @_;
	my $which = @names ? 'name IN (' . join(', ', map { "'$_'" } @names) . ')' : 'true';

	value($node, "UPDATE secrets_catalog.rotation SET due_at = now() - '1 hour'::interval, next_at = now() - '1 hour'::interval, counted_at = now() - '1 day'::interval
		WHERE secret_id IN (SELECT id FROM secrets.secrets WHERE $which)", $db);
	return;
}

sub tick_says
{
	my ($node, $db, $pattern, $name) = @_;
	my $result = run_sql($node, 'CALL secrets.tick()', db => $db);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($result->{state} eq '' && $result->{rc} == 0 && $result->{err} =~ $pattern, "$name: the tick does not fail") || diag($result->{err});
}

my @schedules = qw(other/app other/made prod/app prod/made prod/pair);
my %role_of = ('prod/app' => 'app', 'other/app' => 'other_app', 'prod/pair' => undef);

# By none of the ways there are.
sub nothing_runs
{
	my ($node, $db, $name, @foreign) = @_;
	my $before = state_of($node, $db);
	my $why = qr/scheduled in another database, of which this one is a copy.*HINT: .*secrets\.adopt\(\)/s;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	make_all_due($node, $db, @foreign);
	tick_says($node, $db, qr/^$/, $name);
	refused($node, "SELECT secrets.rotate('$_')", '55000', $why, "$name: rotate($_)", db => $db) foreach @foreign;
	refused($node, "CALL secrets.rotate_now('$_')", '55000', $why, "$name: rotate_now($_)", db => $db) foreach @foreign;
	my %patterns = map { $_ => 1 } '**', map { s{/.*}{/**}r } @foreign;
	refused($node, "SELECT secrets.rotate_all('$_')", '55000', $why, "$name: rotate_all($_)", db => $db) foreach sort keys %patterns;
	is(state_of($node, $db), $before, "$name: nothing has changed");
	is(value($node, q{SELECT count(*) FROM secrets.rotations WHERE state = 'foreign' AND failures <> 0}, $db), 0, "$name: nor has anything failed");
	is(value($node, q{SELECT coalesce(string_agg(name, ' '), '') FROM secrets.overdue() WHERE state = 'foreign'}, $db), '', "$name: and nobody is told that it should");
	return;
}

# The stored password is that of its role.
sub is_in_step
{
	my ($node, $db, $what, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(logs_in($node, login_of(value($node, "SELECT secrets.get('$what')", $db), $role_of{$what}), db => $db), '', "$name: $what logs in");
}

# ---- the original ----

my $source = node('source', allows_streaming => 1, conf => "max_prepared_transactions = 5\n");
my $dir = $source->basedir;

value($source, 'CREATE DATABASE shop');
value($source, <<'END', 'shop');
CREATE EXTENSION secrets;
CREATE ROLE owners;
CREATE ROLE app LOGIN PASSWORD 'start';
CREATE ROLE other_app LOGIN PASSWORD 'start';
CREATE ROLE two_a LOGIN PASSWORD 'start' IN ROLE owners;
CREATE ROLE two_b LOGIN IN ROLE owners;
CREATE ROLE ops LOGIN;
CREATE ROLE dba LOGIN;
CREATE ROLE nobody LOGIN;
GRANT app TO dba WITH ADMIN OPTION;
SELECT secrets.grant('operate', '**', 'ops'), secrets.grant('all', 'prod/**', 'dba');
SELECT secrets.put('prod/app', 'start'), secrets.put('other/app', 'start'), secrets.generate('prod/made'), secrets.generate('other/made'),
	secrets.put('prod/pair', '{"username": "two_a", "password": "start"}');
SELECT secrets.schedule_rotation('other/app', '1 hour', 'role', '{"role": "other_app", "sessions": "terminate_after 1 hour"}'),
	secrets.schedule_rotation('prod/made', '1 hour'), secrets.schedule_rotation('other/made', '0 3 * * *'),
	secrets.schedule_rotation('prod/pair', '1 hour', 'role_pair', '{"roles": ["two_a", "two_b"]}');
SET ROLE dba;
SELECT secrets.schedule_rotation('prod/app', '1 hour', 'role', '{"role": "app"}');
RESET ROLE;
SELECT secrets.rotate_all('**');
END
is(states($source, 'shop'), join(' ', @schedules) . '|', 'where they are made they are active');
is_in_step($source, 'shop', $_, 'the original') foreach sort keys %role_of;
make_all_due($source, 'shop');
command_ok([ 'pg_dumpall', '-d', $source->connstr('postgres'), '-f', "$dir/all.sql" ], 'pg_dumpall');
command_ok([ 'pg_dump', '-d', $source->connstr('shop'), '-f', "$dir/shop.dump", '-Fc' ], 'pg_dump');

# ---- all of it in another cluster, with its roles ----

my $staging = node('staging', key => $source->{root_key});
# Its own superuser is there already, and says so.
IPC::Run::run([ 'psql', '-Xq', '-d', $staging->connstr('postgres'), '-f', "$dir/all.sql" ], '>', \my $out, '2>', \my $err);
is(join("\n", grep { /ERROR/ } split /\n/, $err) =~ s/.*role "\w+" already exists//r, '', 'pg_dumpall restored');
my $restored = state_of($staging, 'shop');
is($restored, state_of($source, 'shop'), 'it is a copy');

# Nothing has been changed here yet.
is(value($staging, 'SELECT count(*) FROM secrets_catalog.home', 'shop'), 0, 'the restore may be going on');
tick_says($staging, 'shop', qr/NOTICE: .*secrets\.tick\(\) does nothing: .*restore/, 'restored');
is(state_of($staging, 'shop'), $restored, 'restored: nothing has changed');
is(value($staging, 'SELECT count(*) FROM secrets_catalog.home', 'shop'), 0, 'nor has the tick ended the restore');
refused($staging, q{SELECT secrets.rotate('prod/app')}, '55000', qr/another database/, 'restored: rotate', db => 'shop');
refused($staging, q{CALL secrets.rotate_now('prod/app')}, '55000', qr/another database/, 'restored: rotate_now', db => 'shop');
is(value($staging, 'SELECT count(*) FROM secrets_catalog.home', 'shop'), 0, 'nor have these');

# Then somebody begins to work with it.
value($staging, q{SELECT secrets.put('staging/own', 'x'), secrets.schedule_rotation('staging/own', '1 hour')}, 'shop');
is(states($staging, 'shop'), 'staging/own|' . join(' ', @schedules), 'all that came is foreign');
my $own = value($staging, q{SELECT secrets.current_version('staging/own')}, 'shop');
value($staging, 'CALL secrets.tick()', 'shop');
value($staging, q{SELECT secrets.unschedule_rotation('staging/own')}, 'shop');
nothing_runs($staging, 'shop', 'in another cluster', @schedules);

# What is its own runs beside; what was to happen to sessions there does not happen here.
my $in = log_in($staging, login_of(value($staging, q{SELECT secrets.get('other/app')}, 'shop'), 'other_app'), db => 'shop');
is($in->{state}, '', 'a session of a role that came along');
value($staging, q{SELECT secrets.schedule_rotation('staging/own', '1 hour')}, 'shop');
make_all_due($staging, 'shop');
is(value($staging, q{SELECT count(*) FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL}, 'shop'), 1, 'an end of sessions came along');
value($staging, q{UPDATE secrets_catalog.rotation SET terminate_at = now() WHERE terminate_at IS NOT NULL}, 'shop');
value($staging, 'CALL secrets.tick()', 'shop');
is(value($staging, q{SELECT secrets.current_version('staging/own')}, 'shop'), $own + 1, 'what was made here runs');
is($in->ask('SELECT 1')->{state}, '', 'sessions stay');
refused($staging, q{SELECT secrets.rotate_all('**')}, '55000', qr/another database/, 'rotate_all of its own and others', db => 'shop');
is(value($staging, q{SELECT secrets.current_version('staging/own')}, 'shop'), $own + 1, 'rotates none');

# Somebody who may.
refused($staging, q{SELECT secrets.adopt()}, '42501', qr/permission denied/, "adopt as $_", db => 'shop', params => [ '-U', $_ ]) foreach qw(nobody dba app);
is(states($staging, 'shop'), 'staging/own|' . join(' ', @schedules), 'adopted nothing');
my $before = state_of($staging, 'shop');
my $adopted = run_sql($staging, q{SELECT secrets.adopt('prod/**')}, db => 'shop', params => [ '-U', 'ops' ]);
is($adopted->{out}, 3, 'adopt(prod/**) as an operator') or diag($adopted->{err});
is($adopted->{err}, '', 'nothing is missing');
is(states($staging, 'shop'), 'prod/app prod/made prod/pair staging/own|other/app other/made', 'these are active, others are not');
is(value($staging, q{SELECT secrets.adopt('prod/**')}, 'shop'), 0, 'there are no more');
is(value($staging, q{SELECT string_agg(name, ' ' ORDER BY name) FROM secrets.audit_log WHERE detail ->> 'rotation' = 'adopted' AND role = 'ops'}, 'shop'), 'prod/app prod/made prod/pair', 'the log says who did');
is(value($staging, q{SELECT count(*) FROM secrets.rotations WHERE name LIKE 'prod/%' AND next_at BETWEEN now() + '59 minutes'::interval AND now() + '61 minutes'::interval}, 'shop'), 3, 'time is counted from now on');
value($staging, 'CALL secrets.tick()', 'shop');
is(state_of($staging, 'shop'), $before, 'what was missed on the way here is not made up');
is_in_step($staging, 'shop', $_, 'before') foreach 'prod/app', 'prod/pair';

make_all_due($staging, 'shop');
my %version = map { $_ => value($staging, "SELECT secrets.current_version('$_')", 'shop') } @schedules;
value($staging, 'CALL secrets.tick()', 'shop');
is(value($staging, "SELECT secrets.current_version('$_')", 'shop') - $version{$_}, /^prod/ ? 1 : 0, "the tick, then: $_") foreach @schedules;
is_in_step($staging, 'shop', $_, 'rotated') foreach sort keys %role_of;
nothing_runs($staging, 'shop', 'those that were not adopted', qw(other/app other/made));
is(value($staging, q{SELECT secrets.rotate('prod/app') > 0, secrets.rotate_all('prod/**')}, 'shop'), 't|3', 'rotate and rotate_all');
is(run_sql($staging, q{CALL secrets.rotate_now('prod/pair')}, db => 'shop')->{state}, '', 'rotate_now');
is_in_step($staging, 'shop', $_, 'and again') foreach 'prod/app', 'prod/pair';

# Scheduled anew is as good; put has a free hand until then.
value($staging, q{SELECT secrets.put('other/app', 'of staging'); ALTER ROLE other_app PASSWORD 'of staging'}, 'shop');
value($staging, q{SELECT secrets.schedule_rotation('other/app', '1 hour', 'role', '{"role": "other_app"}')}, 'shop');
is(states($staging, 'shop'), 'other/app prod/app prod/made prod/pair staging/own|other/made', 'who schedules it here has it here');
value($staging, q{SELECT secrets.rotate('other/app')}, 'shop');
is_in_step($staging, 'shop', 'other/app', 'scheduled anew');
$staging->stop;

# ---- where the roles are not, or are others ----

my $strange = node('strange', key => $source->{root_key});
value($strange, 'CREATE DATABASE shop');
command_ok([ 'pg_restore', '-d', $strange->connstr('shop'), '--no-privileges', "$dir/shop.dump" ], 'pg_dump restored, without any role');
value($strange, q{SELECT secrets.put('here', 'x')}, 'shop');
nothing_runs($strange, 'shop', 'without roles', @schedules);
$adopted = run_sql($strange, q{SELECT secrets.adopt()}, db => 'shop');
is($adopted->{out}, 2, 'those that need no other role are adopted') or diag($adopted->{err});
my @warned = $adopted->{err} =~ /WARNING:  \w+: the schedule of "([^"]+)" was not adopted: a role that it is for is not here/g;
is(join(' ', sort @warned), 'other/app prod/app prod/pair', 'the others are not, and it is said');
is(states($strange, 'shop'), 'other/made prod/made|other/app prod/app prod/pair', 'as it is seen');

# One has the name of a role that was changed there, and is a superuser here: the
# schedule of somebody who is none does not come by its password.
value($strange, q{CREATE ROLE app LOGIN SUPERUSER PASSWORD 'own'; CREATE ROLE dba LOGIN; CREATE ROLE two_a LOGIN; CREATE ROLE two_b LOGIN});
$adopted = run_sql($strange, q{SELECT secrets.adopt('prod/**')}, db => 'shop');
is($adopted->{out}, 2, 'roles of these names are there now') or diag($adopted->{err});
$before = state_of($strange, 'shop');
refused($strange, q{SELECT secrets.rotate('prod/app')}, '42501', qr/permission denied/, q{another's superuser}, db => 'shop');
value($strange, q{ALTER ROLE app NOSUPERUSER});
refused($strange, q{SELECT secrets.rotate('prod/app')}, '42501', qr/permission denied/, q{a role on which the scheduler has no ADMIN}, db => 'shop');
is(state_of($strange, 'shop'), $before, 'nothing of it has changed');
is(logs_in($strange, 'app', 'own', db => 'shop'), '', 'its password is its own');
value($strange, q{GRANT app TO dba WITH ADMIN OPTION; SELECT secrets.grant('all', 'prod/**', 'dba')}, 'shop');
value($strange, q{SELECT secrets.rotate('prod/app'), secrets.rotate('prod/pair')}, 'shop');
is_in_step($strange, 'shop', $_, 'with it') foreach 'prod/app', 'prod/pair';
$strange->stop;

# ---- a copy of the database, in one cluster ----

foreach my $way ('template', 'dump')
{
	my $db = "copy_by_$way";

	value($source, "CREATE DATABASE $db" . ($way eq 'template' ? ' TEMPLATE shop' : ''));
	command_ok([ 'pg_restore', '-d', $source->connstr($db), "$dir/shop.dump" ], 'restored in the cluster it comes from') if $way eq 'dump';
	value($source, q{SELECT secrets.put('here', 'x')}, $db);
	is(states($source, $db), '|' . join(' ', @schedules), "$db: all is foreign");
	nothing_runs($source, $db, $db, @schedules);
	is_in_step($source, 'shop', $_, "$db: the original") foreach sort keys %role_of;
}
value($source, 'ALTER DATABASE shop RENAME TO store');
is(states($source, 'store'), join(' ', @schedules) . '|', 'by another name it is the same database');
make_all_due($source, 'store');
value($source, 'CALL secrets.tick()', 'store');
is(value($source, q{SELECT count(*) FROM secrets.rotations WHERE last_status = 'succeeded' AND last_at > now() - '1 minute'::interval}, 'store'), 5, 'where the tick does all');
is_in_step($source, 'store', $_, 'the original') foreach sort keys %role_of;

# A cluster has each role once.  No database sees what another has scheduled: who lets
# both change one password, and was warned, has it stored in one of the two.
$adopted = run_sql($source, q{SELECT secrets.adopt('prod/**')}, db => 'copy_by_template');
is($adopted->{out}, 3, 'adopted in the copy, too') or diag($adopted->{err});
@warned = $adopted->{err} =~ /WARNING:  \w+: .*"(prod\/\w+)".* in database "store" of this cluster/g;
is(join(' ', sort @warned), 'prod/app prod/pair', 'but not without a word about roles');
foreach my $turn ([ 'copy_by_template', 'store' ], [ 'store', 'copy_by_template' ])
{
	my ($mine, $yours) = @$turn;

	value($source, q{SELECT secrets.rotate('prod/app')}, $mine);
	is_in_step($source, $mine, 'prod/app', "the one who rotated last, $mine");
	is(logs_in($source, 'app', value($source, q{SELECT secrets.get('prod/app')}, $yours)), '28P01', "$yours: the one before");
}
# Within one database there is one.
value($source, q{SELECT secrets.put('second', 'x')}, 'copy_by_dump');
run_sql($source, q{SELECT secrets.schedule_rotation('second', '1 hour', 'role', '{"role": "app"}')}, db => 'copy_by_dump');
$adopted = run_sql($source, q{SELECT secrets.adopt('prod/**')}, db => 'copy_by_dump');
is($adopted->{out}, 2, 'a role that has a schedule here by now');
like($adopted->{err}, qr/WARNING: .*the schedule of "prod\/app" was not adopted: another secret's rotation changes the password of its role here/, 'is left to it');
value($source, "DROP DATABASE $_ WITH (FORCE)") foreach qw(copy_by_template copy_by_dump);
value($source, q{SELECT secrets.rotate('prod/app')}, 'store');

# ---- physical copies ----

value($source, q{SELECT secrets.put('prod/window', 'x'), secrets.schedule_rotation('prod/window', '1 hour', options => '{"window": "10 minutes"}')}, 'store');
value($source, q{SELECT secrets.rotate('prod/window')}, 'store');
make_all_due($source, 'store');
$source->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($source, 'base', has_streaming => 1);
configure($standby, "listen_addresses = '127.0.0.1'");
$standby->start;
$source->wait_for_catchup($standby, 'replay', $source->lsn('flush'));
my $times = q{SELECT name, state, next_at, due_at FROM secrets.rotations ORDER BY name};
is(value($standby, $times, 'store'), value($source, $times, 'store'), 'a standby has the times of its primary');
$before = state_of($standby, 'store');
tick_says($standby, 'store', qr/NOTICE: .*secrets\.tick\(\) does nothing: .*standby/, 'standby');
refused($standby, $_, '25006', qr/recovery|read-only/, "standby: $_", db => 'store') foreach q{SELECT secrets.rotate('prod/app')}, q{SELECT secrets.rotate_all('prod/**')},
  q{CALL secrets.rotate_now('prod/app')}, q{SELECT secrets.adopt()}, q{SELECT secrets.schedule_rotation('prod/app', '1 hour')}, q{SELECT secrets.unschedule_rotation('prod/app')};
is(state_of($standby, 'store'), $before, 'standby: nothing has changed');

# A clone to look into: it is whom the original is, and has no key.
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($source, 'base');
configure($clone, "secrets.root_key = ''\nlisten_addresses = '127.0.0.1'");
$clone->start;
is(status($clone, 'store')->{state}, 'sealed', 'a clone without a key is sealed');
my $roles = q{SELECT rolname, rolpassword FROM pg_authid ORDER BY rolname};
my $passwords = value($clone, $roles);
tick_says($clone, 'store', qr/NOTICE: .*secrets\.tick\(\) does nothing: .*sealed/, 'sealed');
refused($clone, $_, '58000', qr/secrets is sealed/, "sealed: $_", db => 'store') foreach q{SELECT secrets.rotate('prod/app')}, q{SELECT secrets.rotate_all('prod/**')},
  q{CALL secrets.rotate_now('prod/app')}, q{SELECT secrets.adopt()};
is(value($clone, $roles), $passwords, 'sealed: no password has changed');
is(value($clone, q{SELECT count(*) FROM secrets_catalog.rotation WHERE next_at < now() AND failures = 0}, 'store'), 6, 'sealed: all is due as before, and none has failed');
$clone->stop;

# Failover.  What its primary has missed is made up, once; but for what has a window.
my $versions = q{SELECT name, current_version FROM secrets.secrets WHERE name ~ '^(prod|other)' ORDER BY name};
my %had = map { split /\|/ } split /\n/, value($standby, $versions, 'store');
$source->stop;
$standby->promote;
wait_for(sub { value($standby, 'SELECT pg_is_in_recovery()') eq 'f' }, 'promotion');
is(states($standby, 'store'), join(' ', sort @schedules, 'prod/window') . '|', 'promoted: all is active');
is(value($standby, q{SELECT count(*) FROM secrets.overdue()}, 'store'), 6, 'and overdue');
tick_says($standby, 'store', qr/^$/, 'promoted') for 1 .. 2;
my %has = map { split /\|/ } split /\n/, value($standby, $versions, 'store');
is_deeply({ map { $_ => $has{$_} - $had{$_} } keys %has }, { (map { $_ => 1 } @schedules), 'prod/window' => 0 }, 'promoted: what was missed is made up, once');
is(value($standby, q{SELECT count(*) FROM secrets.rotations WHERE next_at > now()}, 'store'), 6, 'and counted on from now');
is_in_step($standby, 'store', $_, 'promoted') foreach sort keys %role_of;

# A server that was down has missed it as well.
value($standby, q{UPDATE secrets_catalog.rotation SET due_at = now() - '40 days'::interval, next_at = now() - '40 days'::interval, counted_at = now() - '41 days'::interval WHERE start_within IS NULL}, 'store');
$standby->restart;
tick_says($standby, 'store', qr/^$/, 'started again') for 1 .. 2;
%had = %has;
%has = map { split /\|/ } split /\n/, value($standby, $versions, 'store');
is_deeply({ map { $_ => $has{$_} - $had{$_} } keys %has }, { (map { $_ => 1 } @schedules), 'prod/window' => 0 }, 'forty days later: once');
$standby->stop;

is_deeply([ grep { /PANIC|TRAP|XX000|secrets: could not/ } split /\n/, slurp_file($_->logfile) ], [], $_->name . ': no internal error')
  foreach ($source, $staging, $strange, $standby, $clone);

done_testing();
