# Rules dumped and restored: in the same cluster, and where pg_dumpall's globals were
# restored first, they follow their roles' labels; elsewhere they go by name, once, up
# to the first change, and by nothing after it.  And copies of whole databases and
# clusters.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $source = new_node('source', allows_streaming => 1);
my $dir = $source->basedir;

# ---- what there is to dump ----

# r/X is what X may read, and n/X whom X's secret is readable to by more than that.
my @names = qw(alice robert carol dan erin pg_monitor public late later denied bob old two);
value($source, "SELECT secrets.put('r/$_', 'value of $_')") foreach @names;
value($source, 'CREATE ROLE ' . $_ . ' LOGIN') foreach qw(alice bob carol dan erin late later watcher denied two);
value($source, 'GRANT pg_monitor TO watcher');
value($source, "SELECT secrets.grant('read, list', 'r/$_', '$_')") foreach qw(alice carol dan erin pg_monitor public late later two);
value($source, q{SELECT secrets.grant('read', 'r/robert', 'bob')});
value($source, 'ALTER ROLE bob RENAME TO robert');
# Given something more under its new name, it is carried under that; who is not is carried under the old one.
value($source, q{SELECT secrets.grant('list', 'r/robert', 'robert')});
value($source, 'ALTER ROLE carol RENAME TO caroline');
# Gone, and gone but made again with other rules.
value($source, q{DROP ROLE dan; DROP ROLE erin; CREATE ROLE erin LOGIN; SELECT secrets.grant('read', 'r/late', 'erin')});
# A renamed one, and another who came to its name.
value($source, q{SELECT secrets.grant('read', 'r/old', 'two'); ALTER ROLE two RENAME TO one; CREATE ROLE two LOGIN; SELECT secrets.grant('read', 'r/alice', 'two')});
# Two who had one name in turn; the one who has it again was given something first.
value($source, q{CREATE ROLE first LOGIN; SELECT secrets.grant('read', 'r/alice', 'first'); ALTER ROLE first RENAME TO waiting});
value($source, q{CREATE ROLE first LOGIN; SELECT secrets.grant('read', 'r/old', 'first'); ALTER ROLE first RENAME TO second; ALTER ROLE waiting RENAME TO first});
value($source, q{SELECT secrets.grant('read', 'r/denied', 'denied'), secrets.deny('all', 'r/denied', 'denied')});
value($source, q{SELECT secrets.grant('read', 'c/*/x', 'alice', valid_from => '2001-01-01', valid_until => '2101-01-01', network => '10.0.0.0/8', options => '{"ssl": true}')});
value($source, q{SELECT secrets.grant('write', 'w/**', 'alice')});

my $rules = q{SELECT effect, privileges, pattern, grantee, coalesce(valid_from::text, ''), coalesce(valid_until::text, ''), coalesce(network::text, ''),
	coalesce(ssl::text, ''), granted_by, granted_at FROM secrets.grants WHERE state <> 'unbound' ORDER BY pattern, effect, granted_at};
my $all_rules = value($source, $rules);
is(value($source, q{SELECT string_agg(pattern, ' ' ORDER BY pattern) FROM secrets.grants WHERE state = 'unbound'}), 'r/dan r/erin', 'two rules of roles that are gone');

sub gets
{
	my ($server, $role, $name, $db) = @_;
	my $result = run_sql($server, "SELECT secrets.get('r/$name')", db => $db, params => [ '-U', $role ]);

	return $result->{state} eq '' && $result->{out} eq "value of $name" ? 'reads' : $result->{state};
}

# { role => what it reads, but for what everybody does }: all by one session.
sub all_read
{
	my ($server, $db, @roles) = @_;
	my $session = open_client($server, db => $db);
	my %reads;

	foreach my $role (@roles)
	{
		$session->value("SET SESSION AUTHORIZATION $role");
		$reads{$role} = $session->value(q{SELECT coalesce(string_agg(substr(name, 3), ' ' ORDER BY name), '')
			FROM secrets.get_all('r/**') WHERE value = 'value of ' || substr(name, 3) AND name <> 'r/public'});
		$session->value('RESET SESSION AUTHORIZATION');
	}
	$session->close;
	return \%reads;
}

sub settled { return value($_[0], 'SELECT count(*) FROM secrets_catalog.home', $_[1]); }
sub unbound { return value($_[0], q{SELECT coalesce(string_agg(grantee, ' ' ORDER BY pattern), '') FROM secrets.grants WHERE state = 'unbound'}, $_[1]); }

my $databases = 0;
sub fresh_db
{
	my ($server, $with_extension) = @_;
	my $db = 'fresh' . ++$databases;

	value($server, "CREATE DATABASE $db TEMPLATE template0");
	value($server, 'CREATE EXTENSION secrets', $db) if $with_extension;
	return $db;
}

sub restored
{
	my ($server, $db, $file, @options) = @_;
	my ($out, $err) = ('', '');
	my @command = $file =~ /\.sql$/ ? ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $file) : ('pg_restore', '--exit-on-error', $file);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(IPC::Run::run([ @command, '-d', $server->connstr($db), @options ], '>', \$out, '2>', \$err), "restored into $db: $command[0] @options") or diag($err);
	return;
}

my %dumps = (custom => [ "$dir/dump", '-Fc' ], plain => [ "$dir/plain.sql", '-Fp' ], inserts => [ "$dir/inserts.sql", '-Fp', '--inserts' ], data => [ "$dir/data.sql", '-Fp', '--data-only' ]);
foreach my $dump (values %dumps)
{
	my ($file, @options) = @$dump;
	command_ok([ 'pg_dump', '-d', $source->connstr('postgres'), '-f', $file, @options ], "pg_dump @options");
}
command_ok([ 'pg_dumpall', '--globals-only', '-d', $source->connstr('postgres'), '-f', "$dir/globals.sql" ], 'pg_dumpall --globals-only');
my $plain = slurp_file($dumps{plain}[0]);
my ($copied) = $plain =~ /^COPY secrets_catalog\.rule .*?\n(.*?)^\\\.$/ms;
is(scalar(split /\n/, $copied), scalar(split /\n/, $all_rules), 'a dump carries the rules');
unlike($copied, qr{r/dan|r/erin\t}, 'but not those of roles that are gone');
unlike($plain, qr/COPY secrets_catalog\.home/, 'nor where it is at home');
is_deeply([ files_with($_->[0], 'value of') ], [], "$_->[0]: no value in it") foreach values %dumps;

# ---- the same cluster, another database ----

# By label, whoever has the names.
value($source, 'CREATE ROLE carol LOGIN; CREATE ROLE dan LOGIN');
my @here = qw(alice robert caroline carol dan erin watcher denied one two);
my $in_source = all_read($source, 'postgres', @here);
is_deeply($in_source, {
		alice => 'alice', robert => 'robert', caroline => 'carol', carol => '', dan => '', erin => 'late', watcher => 'pg_monitor', denied => '', one => 'old two', two => 'alice' }, 'who reads what');
my %by_label;
foreach my $how (qw(custom inserts data))
{
	my $db = fresh_db($source, $how eq 'data');

	restored($source, $db, $dumps{$how}[0]);
	is(settled($source, $db), 0, "$how: not at home yet");
	is_deeply(all_read($source, $db, @here), $in_source, 'the labels decide, before any change');
	is(value($source, $rules, $db), $all_rules, 'all rules are there');
	value($source, q{SELECT secrets.put('any', 'x')}, $db);
	is(settled($source, $db), 1, 'a change: at home');
	is_deeply(all_read($source, $db, @here), $in_source, 'the labels decide, after it');
	is(value($source, $rules, $db), $all_rules, 'the rules are as they were');
	$by_label{$how} = $db;
}
# Whoever bears a label has its rules, and not those that were another's of his name.
my $in_turn = fresh_db($source);
value($source, 'DROP ROLE second');
restored($source, $in_turn, $dumps{custom}[0]);
is(all_read($source, $in_turn, 'first')->{first}, 'alice', 'of two of one name the one who is left has his own, before any change');
value($source, q{SELECT secrets.put('any', 'x')}, $in_turn);
is(all_read($source, $in_turn, 'first')->{first}, 'alice', 'and after it');
value($source, 'ALTER ROLE caroline RENAME TO lina');
is(gets($source, 'lina', 'carol', $by_label{custom}), 'reads', 'and go on following');
value($source, 'ALTER ROLE lina RENAME TO caroline');

# ---- a cluster that has other roles of these names ----

my $target = new_node('target', key => $source->{root_key}, extension => 0);
my $alice = value($source, q{SELECT oid FROM pg_roles WHERE rolname = 'alice'});
# One who has the very OID that alice has at home; then those of the names.
value($target, qq{SET allow_system_table_mods = on;
	INSERT INTO pg_authid SELECT (jsonb_populate_record(a, '{"oid": $alice, "rolname": "mallory"}')).* FROM pg_authid a WHERE rolname = 'postgres'});
value($target, 'ALTER ROLE mallory NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS');
value($target, "CREATE ROLE $_ LOGIN") foreach ((map { "other$_" } 1 .. 5), qw(dan erin two one denied watcher caroline carol robert bob alice));
value($target, 'GRANT pg_monitor TO watcher');
my @there = qw(mallory alice robert bob caroline carol dan erin watcher denied one two);

my $by_name = {
	mallory => '', alice => 'alice', robert => 'robert', bob => '', caroline => '', carol => 'carol', dan => '', erin => 'late', watcher => 'pg_monitor',
	denied => '', one => '', two => 'alice' };

# How the first change comes about.
my %first = (
	'put()' => sub { is(value($target, q{SELECT secrets.put('any', 'x')}, $_[0]), 1, 'the first change: put()') },
	'unseal()' => sub { is(run_sql($target, 'SELECT secrets.unseal()', db => $_[0])->{state}, '', 'the first change: unseal()') },
	'by alice' => sub { is(run_sql($target, q{SELECT secrets.put('w/x', 'x')}, db => $_[0], params => [ '-U', 'alice' ])->{state}, '', 'the first change: by one of those who are bound') },
	'grant()' => sub { is(run_sql($target, q{SELECT secrets.grant('read', 'x', 'other1')}, db => $_[0])->{state}, '', 'the first change: grant()') });

foreach my $try ([ 'custom', 'put()' ], [ 'plain', 'unseal()', '--single-transaction' ], [ 'inserts', 'by alice' ], [ 'data', 'grant()' ])
{
	my ($how, $what, @options) = @$try;
	my $db = fresh_db($target, $how eq 'data');

	restored($target, $db, $dumps{$how}[0], @options);
	is(unbound($target, $db), 'first late later two first two', "$how: whom there is nobody of the name of is nobody");
	is_deeply(all_read($target, $db, @there), $by_name, 'by name, before any change');
	is(settled($target, $db), 0, 'and reading is none');
	is(run_sql($target, q{BEGIN; SELECT secrets.put('any', 'x'); ROLLBACK}, db => $db)->{state}, '', 'nor is what is rolled back');
	is(settled($target, $db), 0, 'of which nothing is left');
	value($target, 'CREATE ROLE late LOGIN');
	is(gets($target, 'late', 'late', $db), 'reads', 'one made before the first change is the one of that name');
	value($target, 'DROP ROLE alice; CREATE ROLE alice LOGIN');
	is(gets($target, 'alice', 'alice', $db), 'reads', 'and so is one made again');

	$first{$what}->($db);
	is(settled($target, $db), 1, 'now it is at home');
	is_deeply(all_read($target, $db, @there), $by_name, 'all as it was before');
	value($target, 'CREATE ROLE later LOGIN');
	is(gets($target, 'later', 'later', $db), '42501', 'one made after it is nobody');
	is(gets($target, 'late', 'late', $db), 'reads', 'one made before stays');
	is(value($target, q{SELECT count(*), count(*) FILTER (WHERE l.objoid = r.grantee_oid AND o.rolname = r.grantee)
		FROM secrets_catalog.rule r JOIN pg_shseclabel l ON l.label = r.grantee_tag LEFT JOIN pg_roles o ON o.oid = l.objoid}, $db) =~ /^(\d+)\|\1$/ ? $1 > 5 : 0, 1, 'the rows know their roles');
	value($target, 'DROP ROLE alice; CREATE ROLE alice LOGIN; ALTER ROLE carol RENAME TO lina; CREATE ROLE carol LOGIN');
	is(gets($target, 'alice', 'alice', $db), '42501', 'dropped and made again: nobody');
	is(gets($target, 'lina', 'carol', $db) . gets($target, 'carol', 'carol', $db), 'reads42501', 'renamed: the rule goes along');
	like(unbound($target, $db), qr/\balice\b/, "secrets.grants says of the dropped one's that they are unbound");

	value($target, 'DROP ROLE late; DROP ROLE later; DROP ROLE carol; ALTER ROLE lina RENAME TO carol');
}

# Restored once more where the roles bear labels of this cluster's own by now.
my $again = fresh_db($target);
restored($target, $again, $dumps{custom}[0]);
value($target, 'CREATE ROLE late LOGIN');
is_deeply(all_read($target, $again, @there, 'late'), { %$by_name, late => 'late' }, 'roles that bear another label: by name');
value($target, q{SELECT secrets.put('any', 'x')}, $again);
is_deeply(all_read($target, $again, @there, 'late'), { %$by_name, late => 'late' }, 'and stay so');

# ---- into what is at home, by COPY, and without triggers ----

my $home = fresh_db($target, 1);
value($target, q{SELECT secrets.put('any', 'x')}, $home);
value($target, 'DROP ROLE alice; CREATE ROLE alice LOGIN');
my $open = open_session($target, $home, '-U', 'watcher');
is($open->ask(q{SELECT secrets.get('r/pg_monitor')})->{state}, '42501', 'a session that is open meanwhile: nothing yet');
my ($out, $err) = ('', '');
IPC::Run::run([ 'psql', '-XqAt', '-d', $target->connstr($home), '-f', $dumps{data}[0] ], '>', \$out, '2>', \$err);
unlike($err, qr/ERROR(?!.*root_key_pkey)/, 'restored beside own secrets') or diag($err);
is($open->value(q{SELECT secrets.get('r/pg_monitor')}), 'value of pg_monitor', 'the open session hears of it');
is(gets($target, 'alice', 'alice', $home), '42501', 'where changes were made before, a name binds nothing');
like(unbound($target, $home), qr/\balice\b/, 'such rules are unbound');
is(gets($target, 'robert', 'robert', $home), 'reads', 'unless their label is known here');

my $columns = 'id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, network, ssl, granted_by, granted_at';
value($source, "COPY (SELECT $columns FROM secrets_catalog.rule WHERE pattern IN ('r/public', 'r/alice')) TO '$dir/rules.copy'");
value($target, 'DELETE FROM secrets_catalog.rule', $home);
is($open->ask(q{SELECT secrets.get('r/public')})->{state}, '42501', 'the open session hears of rules deleted by hand');
value($target, "COPY secrets_catalog.rule ($columns) FROM '$dir/rules.copy'", $home);
is($open->value(q{SELECT secrets.get('r/public')}), 'value of public', 'and of such as come by COPY');
$open->close;

my $triggers = q{SELECT string_agg(relname || ' ' || tgname || ' ' || tgenabled::text, ' ' ORDER BY relname, tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
	WHERE relnamespace = 'secrets_catalog'::regnamespace AND NOT tgisinternal};
my $without = fresh_db($target, 1);
my $always = value($target, $triggers, $without);
unlike($always, qr/ [ODR]\b/, 'triggers fire always');
$open = open_session($target, $without, '-U', 'watcher');
is($open->ask(q{SELECT secrets.get('r/pg_monitor')})->{state}, '42501', 'a session that is open meanwhile: nothing yet');
restored($target, $without, $dumps{custom}[0], '--data-only', '--disable-triggers');
is($open->value(q{SELECT secrets.get('r/pg_monitor')}), 'value of pg_monitor', 'restored without triggers: the open session hears of it');
value($target, q{SELECT secrets.put('any', 'x')}, $without);
is(value($target, $triggers, $without), $always, 'pg_restore left its mark on the triggers: set back');
value($target, q{SET session_replication_role = replica; DELETE FROM secrets_catalog.rule}, $without);
is($open->ask(q{SELECT secrets.get('r/pg_monitor')})->{state}, '42501', 'so that a change in replica mode is heard of');
$open->close;

# ---- a copy by template ----

value($target, "CREATE DATABASE template_copy TEMPLATE $again");
is(settled($target, 'template_copy'), 1, 'CREATE DATABASE ... TEMPLATE: at home, as what it was copied from');
is_deeply(all_read($target, 'template_copy', @there), all_read($target, $again, @there), 'who reads what');
value($target, 'DROP ROLE robert; CREATE ROLE robert LOGIN');
is(gets($target, 'robert', 'robert', 'template_copy'), '42501', 'dropped and made again: nothing in the copy either');
is(value($target, q{SELECT secrets.revoke('read', 'r/carol', 'carol')}, 'template_copy'), 1, 'a copy of its own: revoked');
is(gets($target, 'carol', 'carol', 'template_copy') . gets($target, 'carol', 'carol', $again), '42501reads', 'in the copy alone');
$target->stop;

# ---- with the globals first ----

my $twin = new_node('twin', key => $source->{root_key}, extension => 0);
value($twin, 'CREATE ROLE ' . join('; CREATE ROLE ', map { "other$_" } 1 .. 7));
run_sql($twin, "\\i $dir/globals.sql", stop => 0);
is(value($twin, q{SELECT string_agg(r.rolname || label, ' ' ORDER BY r.rolname) FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid WHERE r.rolname NOT IN ('postgres', 'second')}),
	value($source, q{SELECT string_agg(r.rolname || label, ' ' ORDER BY r.rolname) FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid WHERE r.rolname NOT IN ('postgres', 'second')}),
	'pg_dumpall --globals-only carries the labels');
# Renamed here, between the globals and the restore; and others who have the names.
value($twin, q{ALTER ROLE alice RENAME TO alicia; CREATE ROLE alice LOGIN; CREATE ROLE carol LOGIN; CREATE ROLE dan LOGIN; ALTER ROLE robert RENAME TO rob; DROP ROLE denied; CREATE ROLE denied LOGIN});
my $by_globals = {
	alicia => 'alice', alice => '', rob => 'robert', caroline => 'carol', carol => '', dan => '', erin => 'late', watcher => 'pg_monitor', denied => '', one => 'old two', two => 'alice' };
restored($twin, 'postgres', $dumps{custom}[0]);
is_deeply(all_read($twin, 'postgres', keys %$by_globals), $by_globals, 'globals restored before: the labels decide');
value($twin, q{SELECT secrets.put('any', 'x')});
is_deeply(all_read($twin, 'postgres', keys %$by_globals), $by_globals, 'after the first change too');
like(value($twin, $rules), qr{^allow\|\{list,read\}\|r/alice\|alicia\|}m, 'secrets.grants tells the names of here');
$twin->stop;

# Globals restored where the roles are known already: what was given and denied here goes on.
my $merged = new_node('merged', key => $source->{root_key});
value($merged, 'CREATE ROLE alice LOGIN; CREATE ROLE erin LOGIN; CREATE ROLE watcher LOGIN');
value($merged, "SELECT secrets.put('r/$_', 'value of $_')") foreach qw(alice old public);
value($merged, q{SELECT secrets.grant('read', 'r/old', 'alice'), secrets.grant('read', 'r/public', 'public'), secrets.deny('read', 'r/public', 'erin')});
my $own_labels = q{SELECT string_agg(label, ' ' ORDER BY rolname) FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid WHERE rolname IN ('alice', 'erin')};
my $labels_before = value($merged, $own_labels);
run_sql($merged, "\\i $dir/globals.sql", stop => 0);
is(value($merged, $own_labels), $labels_before, 'globals restored over roles that have rules: they keep their labels');
is(gets($merged, 'alice', 'old'), 'reads', 'so that an allow goes on');
is(gets($merged, 'erin', 'public'), '42501', 'and a deny');
value($merged, 'CREATE DATABASE restored');
restored($merged, 'restored', $dumps{custom}[0]);
foreach my $when ('before', 'after')
{
	is(gets($merged, 'alice', 'alice', 'restored') . gets($merged, 'erin', 'late', 'restored'), 'readsreads', "what is restored finds them by name, $when the first change");
	is(gets($merged, 'caroline', 'carol', 'restored') . gets($merged, 'one', 'old', 'restored'), 'readsreads', 'and those who came with the globals by label');
	value($merged, q{SELECT secrets.put('any', 'x')}, 'restored');
}
# A label is one role's: globals once more, after one of them has got another name.
value($merged, 'ALTER ROLE caroline RENAME TO lina');
run_sql($merged, "\\i $dir/globals.sql", stop => 0);
is(gets($merged, 'caroline', 'carol', 'restored') . gets($merged, 'lina', 'carol', 'restored'), '42501reads', 'globals restored again: nobody else gets the label of a renamed one');
my $lina = value($merged, q{SELECT label FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid WHERE rolname = 'lina'});
refused($merged, "SECURITY LABEL FOR secrets ON ROLE $_ IS '$lina'", '42710', qr/label/, "$_ is not labelled so by hand") foreach qw(caroline alice pg_monitor);
$merged->stop;

# ---- a physical copy ----

$source->backup('base');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($source, 'base', has_streaming => 1);
$copy->start;
is_deeply(all_read($copy, 'postgres', @here), $in_source, 'a physical copy: all as it is there');
$copy->promote;
wait_for(sub { value($copy, 'SELECT pg_is_in_recovery()') eq 'f' }, 'promotion');
is_deeply(all_read($copy, 'postgres', @here), $in_source, 'promoted');
is(settled($copy, 'postgres'), 1, 'it is at home');
value($copy, 'DROP ROLE alice; CREATE ROLE alice LOGIN');
is(gets($copy, 'alice', 'alice') . gets($source, 'alice', 'alice'), '42501reads', 'a cluster of its own from then on');
value($copy, q{SELECT secrets.put('any', 'x'), secrets.grant('read', 'r/alice', 'alice')});
is(gets($copy, 'alice', 'alice'), 'reads', 'which goes on');
$copy->stop;
$source->stop;

unlike(slurp_file($_->logfile), qr/PANIC|TRAP|XX000/, $_->name . ': no internal error') foreach ($source, $target, $twin, $merged, $copy);

done_testing();
