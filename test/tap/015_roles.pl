# Roles as they live: a rule is for whoever it was given to, through renames and until
# DROP ROLE, in every database; never for another of that name or of that OID.  And
# memberships as PostgreSQL counts them, superusers with and without the bypass.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('roles');
my $is_16 = $node->pg_version >= 16;

value($node, 'CREATE DATABASE second');
value($node, 'CREATE EXTENSION secrets', 'second');
value($node, q{SELECT secrets.put('app/db', 'in ' || current_database())}, $_) foreach qw(postgres second);

sub as
{
	my ($role, $sql, $db) = @_;
	return run_sql($node, $sql, db => $db, params => [ '-U', $role ]);
}

# What a role gets there: the value, or the refusal's SQLSTATE.
sub gets
{
	my ($role, $db) = @_;
	my $result = as($role, q{SELECT secrets.get('app/db')}, $db);

	return $result->{state} || $result->{out};
}

# What an open session gets.
sub session_gets
{
	my ($session) = @_;
	my $answer = $session->ask(q{SELECT secrets.get('app/db')});

	return $answer->{state} || $answer->{out};
}

sub tag_of { return value($node, "SELECT label FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid WHERE provider = 'secrets' AND rolname = '$_[0]'"); }
sub rules { return value($node, "SELECT pattern, grantee, state FROM secrets.grants ORDER BY 1, 2", $_[0]); }

# ---- renamed ----

value($node, q{CREATE ROLE alice LOGIN; SELECT secrets.grant('read', 'app/db', 'alice')});
is(gets('alice'), 'in postgres', 'granted');
my $session = open_session($node, 'postgres', '-U', 'alice');
is(session_gets($session), 'in postgres', 'granted, in a session that stays open');
value($node, 'ALTER ROLE alice RENAME TO alicia');
is(gets('alicia'), 'in postgres', 'renamed: the rule goes along');
is(session_gets($session), 'in postgres', 'in the open session too');
is(rules(), 'app/db|alicia|active', 'secrets.grants tells the new name');
value($node, 'CREATE ROLE alice LOGIN');
is(gets('alice'), '42501', 'another who is given the old name: nothing');
is(value($node, q{SELECT secrets.can('read', 'app/db', r) FROM unnest(ARRAY['alice', 'alicia']) r}), "f\nt", 'can() says so');
value($node, 'ALTER ROLE alice RENAME TO bob; ALTER ROLE alicia RENAME TO alice; ALTER ROLE bob RENAME TO alicia');
is(gets('alice') . gets('alicia'), 'in postgres42501', 'two who exchange their names: the rule stays with its role');
is(session_gets($session), 'in postgres', 'in the open session too');
value($node, 'BEGIN; ALTER ROLE alice RENAME TO elsewhere; ROLLBACK');
is(gets('alice'), 'in postgres', 'a rename that is rolled back');
value($node, q{ALTER ROLE alice RENAME TO "x""; drop ROLE y; 'z"; ALTER ROLE alicia RENAME TO alice});
is(gets(q{x"; drop ROLE y; 'z}), 'in postgres', 'a name that needs quotes');
is(value($node, q{SELECT secrets.revoke('read', 'app/db', 'alice'), secrets.revoke('read', 'app/db', $$x"; drop ROLE y; 'z$$)}), '0|1',
	'revoke goes by the name of now');
is(session_gets($session), '42501', 'the open session is refused');
$session->close;

# ---- one tag in all databases ----

value($node, q{CREATE ROLE carol LOGIN; SELECT secrets.grant('read', 'app/db', 'carol')});
value($node, q{SELECT secrets.grant('read', 'app/**', 'carol')}, 'second');
is(gets('carol') . gets('carol', 'second'), 'in postgresin second', 'rules for one role in two databases');
is(value($node, q{SELECT grantee_tag FROM secrets_catalog.rule}, 'second'), tag_of('carol'), 'share its tag');
is(value($node, q{SELECT grantee_tag FROM secrets_catalog.rule}), tag_of('carol'), 'which the role bears');
like(tag_of('carol'), qr/^[0-9a-f]{32}$/, 'once, and random');

# Two who give it its first rule at once.
value($node, 'CREATE ROLE dora LOGIN');
my $one = open_session($node);
my $other = open_session($node, 'second');
$one->ask(q{BEGIN; SELECT secrets.grant('read', 'app/db', 'dora')});
$other->send(q{SELECT secrets.grant('read', 'app/db', 'dora')});
wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'second' AND wait_event_type = 'Lock'}) eq '1' }, 'the second to wait');
is($one->ask('COMMIT')->{state}, '', 'the first rule in two databases at once: one commits');
is($other->answer->{state}, '', 'so does the other');
is(gets('dora') . gets('dora', 'second'), 'in postgresin second', 'and both hold');
is(value($node, q{SELECT grantee_tag FROM secrets_catalog.rule WHERE grantee = 'dora'}, 'second'), tag_of('dora'), 'under one tag');
value($node, 'CREATE ROLE erin LOGIN');
$one->ask(q{BEGIN; SELECT secrets.grant('read', 'app/db', 'erin')});
$other->send(q{SELECT secrets.grant('read', 'app/db', 'erin')});
wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'second' AND wait_event_type = 'Lock'}) eq '1' }, 'the second to wait');
$one->ask('ROLLBACK');
is($other->answer->{state}, '', 'the first rolls back: the other makes the tag');
is(gets('erin') . gets('erin', 'second'), '42501in second', 'and only its rule is there');

# A grant to a role that is being dropped.
value($node, 'CREATE ROLE fred');
$one->ask('BEGIN; DROP ROLE fred');
$other->send(q{SELECT secrets.grant('read', 'app/db', 'fred')});
wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'second' AND wait_event_type = 'Lock'}) eq '1' }, 'the grant to wait');
$one->ask('COMMIT');
is($other->answer->{state}, '42704', 'a grant to a role that is dropped meanwhile');
is(value($node, q{SELECT count(*) FROM secrets_catalog.rule WHERE grantee = 'fred'}, 'second'), 0, 'leaves nothing');
is(value($node, q{SELECT count(*) FROM pg_shseclabel l WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = l.objoid)}), 0, 'no label of nobody');
$one->close;
$other->close;

# ---- dropped, and made again ----

my $reader = open_session($node, 'postgres', '-U', 'carol');
is(session_gets($reader), 'in postgres', 'a session of who is about to be dropped');
value($node, 'DROP ROLE carol');
is(session_gets($reader), '42501', 'dropped: it gets nothing any more');
like(rules(), qr{^app/db\|carol\|unbound$}m, 'the rule is unbound');
like(rules('second'), qr{^app/\*\*\|carol\|unbound$}m, 'in the other database too');
value($node, 'CREATE ROLE carol LOGIN');
is(gets('carol') . gets('carol', 'second'), '4250142501', 'made again under that name: nothing, in neither database');
is(value($node, q{SELECT secrets.can('read', 'app/db', 'carol')}, $_), 'f', "can() in $_") foreach qw(postgres second);
is(value($node, q{SELECT count(*) FROM secrets.lint() WHERE problem = 'unbound' AND grantee = 'carol'}, $_), 1, "lint() in $_") foreach qw(postgres second);
value($node, q{SELECT secrets.grant('list', 'app/db', 'carol')});
is(gets('carol'), '42501', 'given something else, it has that alone');
is(value($node, q{SELECT string_agg(state, ',' ORDER BY state) FROM secrets.grants WHERE grantee = 'carol'}), 'active,unbound', 'two rules for two roles of one name');
is(value($node, q{SELECT secrets.revoke('all', 'app/db', 'carol')}), 2, 'revoke takes both');
is(value($node, q{SELECT secrets.revoke('all', 'app/**', 'carol')}, 'second'), 1, 'and what is left of the one before');
refused($node, q{SELECT secrets.revoke('all', 'app/db', 'nobody')}, '42704', qr/no such role/, 'of a name that was never there');
$reader->close;

# Rolled back, or as its own session sees it.
value($node, q{CREATE ROLE gina LOGIN; SELECT secrets.grant('read', 'app/db', 'gina')});
is(value($node, q{BEGIN; DROP ROLE gina; CREATE ROLE gina LOGIN; SELECT secrets.can('read', 'app/db', 'gina'); ROLLBACK; SELECT secrets.can('read', 'app/db', 'gina')}),
	"f\nt", 'dropped and made again in one transaction, and rolled back');
is(gets('gina'), 'in postgres', 'it still has what it had');
value($node, 'DROP OWNED BY gina; DROP ROLE gina');
is(value($node, q{SELECT count(*) FROM secrets.grants WHERE grantee = 'gina' AND state = 'unbound'}), 1, 'DROP OWNED is not in the way of DROP ROLE');

# ---- the same OID ----

# First without a restart, so that sessions remember: a superuser can make a role of any OID.
value($node, q{CREATE ROLE victim LOGIN; SELECT secrets.grant('read', 'app/db', 'victim')});
value($node, q{SELECT secrets.grant('read', 'app/db', 'victim')}, 'second');
my $oid = value($node, q{SELECT oid FROM pg_roles WHERE rolname = 'victim'});
my %asking = map { $_ => open_session($node, $_) } qw(postgres second);
my $can = q{SELECT secrets.can('read', 'app/db', rolname) FROM pg_roles WHERE oid = } . $oid;
is($asking{$_}->value($can), 't', "an open session in $_ knows what the victim may") foreach qw(postgres second);
value($node, qq{SET allow_system_table_mods = on; BEGIN; DROP ROLE victim;
	INSERT INTO pg_authid SELECT (jsonb_populate_record(a, '{"oid": $oid, "rolname": "heir"}')).* FROM pg_authid a WHERE rolname = 'erin'; COMMIT});
is(value($node, 'SELECT oid FROM pg_roles WHERE rolname = $$heir$$'), $oid, 'another role of that OID');
is($asking{$_}->value($can), 'f', "it has nothing, says the open session in $_") foreach qw(postgres second);
is(gets('heir') . gets('heir', 'second'), '4250142501', 'and is refused');
$_->close foreach values %asking;

# Then as it comes about: the counter of OIDs goes round.
value($node, q{DROP ROLE heir; CREATE ROLE prey LOGIN; SELECT secrets.grant('read', 'app/db', 'prey')});
value($node, q{SELECT secrets.grant('read', 'app/db', 'prey')}, 'second');
is(gets('prey') . gets('prey', 'second'), 'in postgresin second', 'one who has rules');
$oid = value($node, q{SELECT oid FROM pg_roles WHERE rolname = 'prey'});
# A dead row too keeps its OID from being given again; and as long as anybody in any database may see it, it stays.
value($node, 'DROP ROLE prey');
wait_for(sub { run_sql($node, 'VACUUM (VERBOSE) pg_authid')->{err} =~ /\b0 (?:are dead but not yet removable|dead row versions cannot be removed yet)/ }, 'the row to be removed');
$node->stop;
command_ok([ 'pg_resetwal', '-o', $oid, '-D', $node->data_dir ], 'the counter of OIDs set back');
$node->start;
value($node, 'CREATE ROLE stranger LOGIN');
is(value($node, q{SELECT oid FROM pg_roles WHERE rolname = 'stranger'}), $oid, "a new role gets the OID of the one dropped");
is(gets('stranger') . gets('stranger', 'second'), '4250142501', "but not its rules");
is(value($node, q{SELECT secrets.can('read', 'app/db', 'stranger')}, $_), 'f', "can() in $_") foreach qw(postgres second);
is(value($node, q{SELECT grantee, state FROM secrets.grants WHERE grantee IN ('prey', 'stranger')}), 'prey|unbound', 'which are unbound');
value($node, q{SELECT secrets.grant('list', 'app/db', 'stranger')});
isnt(tag_of('stranger'), value($node, q{SELECT grantee_tag FROM secrets_catalog.rule WHERE grantee = 'prey'}), 'a tag of its own');
is(gets('stranger'), '42501', 'given something, it still has that alone');
is(value($node, q{SELECT grantee, array_to_string(privileges, ','), state FROM secrets.grants WHERE grantee IN ('prey', 'stranger') ORDER BY 1}),
	"prey|read|unbound\nstranger|list|active", 'as secrets.grants says');
is(value($node, q{SELECT secrets.revoke('all', 'app/db', 'stranger')}), 1, 'and revoke takes that alone');

# ---- forged ----

value($node, q{CREATE ROLE creator LOGIN CREATEROLE; CREATE ROLE helped LOGIN; CREATE ROLE owner LOGIN; SELECT secrets.grant('read', 'app/db', 'owner')});
value($node, 'GRANT helped, owner TO creator WITH INHERIT FALSE, SET FALSE, ADMIN TRUE') if $is_16;
my $tag = tag_of('owner');
refused($node, $_, '42501', qr/only a superuser|permission denied|must (?:be|have)/, $_, params => [ '-U', 'creator' ]) foreach (
	"SECURITY LABEL FOR secrets ON ROLE helped IS '$tag'", "SECURITY LABEL FOR secrets ON ROLE creator IS '$tag'",
	"SECURITY LABEL ON ROLE helped IS '$tag'", 'SECURITY LABEL FOR secrets ON ROLE owner IS NULL');
is(tag_of('owner'), $tag, 'the label is as it was');
is(gets('helped') . gets('creator'), '4250142501', 'nobody has gained');
value($node, "SECURITY LABEL FOR secrets ON ROLE erin IS NULL");
refused($node, $_, '22023', qr/this label is set by secrets/, $_) foreach ("SECURITY LABEL FOR secrets ON ROLE erin IS 'nonsense'",
	"SECURITY LABEL FOR secrets ON ROLE erin IS 'ABCDEF00000000000000000000000000'", "SECURITY LABEL FOR secrets ON DATABASE postgres IS '$tag'");
is(as('creator', 'ALTER ROLE owner RENAME TO previous; ALTER ROLE helped RENAME TO owner')->{state}, '', 'who may create roles exchanges names');
is(gets('owner') . gets('previous'), '42501in postgres', 'and moves no rule');
is(as('creator', 'DROP ROLE previous; CREATE ROLE previous LOGIN')->{state}, '', 'or makes one anew');
is(gets('previous'), '42501', 'and revives none');

# ---- memberships ----

value($node, 'DELETE FROM secrets_catalog.rule');
value($node, q{CREATE ROLE readers; CREATE ROLE team IN ROLE readers; CREATE ROLE member LOGIN IN ROLE team; SELECT secrets.grant('read', 'app/db', 'readers')});
is(gets('member'), 'in postgres', 'a member of a member');
is(value($node, q{SELECT allowed, through FROM secrets.explain('app/db', 'member') WHERE privilege = 'read'}), 't|team > readers', 'explain() tells the way');
value($node, 'REVOKE readers FROM team');
is(gets('member'), '42501', 'a link of the chain taken away');
value($node, 'GRANT readers TO team');
is(gets('member'), 'in postgres', 'and put back');

sub explained { return value($node, "SELECT allowed, through, could_obtain, needed FROM secrets.explain('app/db', '$_[0]') WHERE privilege = 'read'"); }

if ($is_16)
{
	my %memberships = (
		'INHERIT TRUE, SET TRUE' => [ 'in postgres', 't|readers|f|' ],
		'INHERIT TRUE, SET FALSE' => [ 'in postgres', 't|readers|f|' ],
		'INHERIT FALSE, SET TRUE' => [ '42501', 'f|readers|t|SET ROLE readers' ],
		'INHERIT FALSE, SET FALSE' => [ '42501', q{f||f|secrets.grant('read', 'app/db', 'linked')} ],
		'INHERIT FALSE, SET FALSE, ADMIN TRUE' => [ '42501', 'f|readers|t|GRANT readers TO linked WITH INHERIT TRUE' ],
		'INHERIT TRUE, SET FALSE, ADMIN TRUE' => [ 'in postgres', 't|readers|f|' ]);

	foreach my $options (sort keys %memberships)
	{
		my ($gets, $explained) = @{ $memberships{$options} };

		value($node, "CREATE ROLE linked LOGIN; GRANT readers TO linked WITH $options");
		is(gets('linked'), $gets, "a membership WITH $options");
		is(explained('linked'), $explained, 'and explain() says so');
		is(as('linked', q{SET ROLE readers; SELECT secrets.get('app/db')})->{out}, $options =~ /SET TRUE/ ? 'in postgres' : '', 'SET ROLE too');
		value($node, 'DROP ROLE linked');
	}
	# NOINHERIT of the role is only what later memberships begin with.
	value($node, 'CREATE ROLE linked LOGIN NOINHERIT; GRANT readers TO linked');
	is(gets('linked'), '42501', 'NOINHERIT before the membership');
	value($node, 'ALTER ROLE linked INHERIT');
	is(gets('linked'), '42501', 'INHERIT after it changes nothing');
	value($node, 'GRANT readers TO linked WITH INHERIT TRUE; ALTER ROLE linked NOINHERIT');
	is(gets('linked'), 'in postgres', 'the option of the membership does');
	value($node, 'REVOKE INHERIT OPTION FOR readers FROM linked');
	is(gets('linked'), '42501', 'taken back');
	# Who has ADMIN alone helps itself, as explain() foretold.
	value($node, 'GRANT readers TO linked WITH INHERIT FALSE, SET FALSE, ADMIN TRUE');
	is(as('linked', q{GRANT readers TO linked WITH INHERIT TRUE; SELECT secrets.get('app/db')})->{out}, 'in postgres', 'ADMIN alone: it can help itself');
	# CREATEROLE is not power over the roles of others.
	is(explained('creator'), q{f||f|secrets.grant('read', 'app/db', 'creator')}, 'CREATEROLE without ADMIN: could not obtain it');
	is(as('creator', 'GRANT readers TO creator')->{state}, '42501', 'and does not');
	is(as('creator', 'CREATE ROLE made LOGIN')->{state}, '', 'a role that it made');
	value($node, q{SELECT secrets.grant('read', 'app/db', 'made')});
	is(gets('creator'), '42501', 'lends it nothing');
	like(explained('creator'), qr/^f\|made\|t\|GRANT made TO creator WITH INHERIT TRUE$/, 'but it could obtain that');
}
else
{
	value($node, 'CREATE ROLE linked LOGIN NOINHERIT IN ROLE readers');
	is(gets('linked'), '42501', 'NOINHERIT');
	is(explained('linked'), 'f|readers|t|SET ROLE readers', 'explain() says how it could');
	is(as('linked', q{SET ROLE readers; SELECT secrets.get('app/db')})->{out}, 'in postgres', 'and so it does');
	value($node, 'ALTER ROLE linked INHERIT');
	is(gets('linked'), 'in postgres', 'INHERIT');
	value($node, 'ALTER ROLE team NOINHERIT');
	is(gets('member'), '42501', 'NOINHERIT in the middle of a chain');
	is(explained('member'), 'f|team > readers|t|SET ROLE readers', 'explain() tells the way');
	value($node, 'ALTER ROLE team INHERIT');
	# CREATEROLE makes anybody a member of anything.
	is(gets('creator'), '42501', 'CREATEROLE is no privilege of ours');
	is(explained('creator'), 'f|readers|t|GRANT readers TO creator', 'but it could obtain it');
	is(as('creator', q{GRANT readers TO creator; SELECT secrets.get('app/db')})->{out}, 'in postgres', 'and so it does');
}

# ---- superusers ----

sub bypass
{
	my ($how, $is) = @_;

	value($node, "ALTER SYSTEM $how");
	value($node, 'SELECT pg_reload_conf()');
	wait_for(sub { value($node, 'SHOW secrets.superuser_bypass') eq $is }, "secrets.superuser_bypass = $is");
	return;
}

value($node, 'CREATE ROLE chief LOGIN SUPERUSER');
my $super = open_client($node, user => 'chief');
$super->prepare('get', q{SELECT secrets.get('app/db')});
$super->value(q{PREPARE get_sql AS SELECT secrets.get('app/db')});
sub super_gets { return join ',', map { $_->{state} || $_->{out} } ($super->run('get'), $super->ask('EXECUTE get_sql')); }
is(super_gets(), 'in postgres,in postgres', 'a superuser passes');
bypass('SET secrets.superuser_bypass = off', 'off');
wait_for(sub { $super->value('SHOW secrets.superuser_bypass') eq 'off' }, 'the open session to hear of it');
is(super_gets(), '42501,42501', 'off by ALTER SYSTEM and reload: refused, in open sessions and prepared statements');
refused($node, $_, '42501', qr/permission denied/, "superuser, locked out: $_") foreach (
	q{SELECT secrets.get('app/db')}, q{SELECT secrets.put('app/db', 'x')}, q{SELECT secrets.grant('read', 'app/db', 'chief')},
	q{SELECT secrets.deny('read', 'app/db', 'chief')}, q{SELECT secrets.revoke('read', 'app/db', 'readers')}, 'SELECT * FROM secrets.lint()',
	'SELECT secrets.rotate_master_key()', q{SELECT secrets.can('read', 'app/db', 'member')});
is(run_sql($node, $_)->{state}, '55P02', $_) foreach ('SET secrets.superuser_bypass = on', 'ALTER ROLE chief SET secrets.superuser_bypass = on');
is(gets('member'), 'in postgres', 'who has rules goes on');
is($super->ask(q{SET ROLE readers})->{state} . super_gets(), 'in postgres,in postgres', 'a superuser who becomes one of them');
$super->value('RESET ROLE');
is(super_gets(), '42501,42501', 'is not one of them by being a superuser');
value($node, 'GRANT readers TO chief');
is(super_gets(), 'in postgres,in postgres', 'but as a member');
value($node, 'REVOKE readers FROM chief');
is(super_gets(), '42501,42501', 'for as long as it is one');
bypass('RESET secrets.superuser_bypass', 'on');
wait_for(sub { $super->value('SHOW secrets.superuser_bypass') eq 'on' }, 'the open session to hear of it');
is(super_gets(), 'in postgres,in postgres', 'on again: back');

# Off with a rule for somebody to give from.
value($node, q{SELECT secrets.grant('all, grant', '**', 'chief'), secrets.deny('delete', 'app/**', 'chief')});
bypass('SET secrets.superuser_bypass = off', 'off');
wait_for(sub { $super->value('SHOW secrets.superuser_bypass') eq 'off' }, 'the open session to hear of it');
is(super_gets(), 'in postgres,in postgres', 'off, with a rule of its own');
is($super->ask(q{SELECT secrets.delete('app/db')})->{state}, '42501', 'a deny counts too');
is($super->ask(q{SELECT secrets.grant('read', 'app/db', 'postgres')})->{state}, '', 'it can give on');
is(gets('postgres'), 'in postgres', 'to another superuser');
is($super->ask(q{SELECT secrets.revoke('read', 'app/db', 'postgres')})->{state}, '', 'and take back');
is(gets('postgres'), '42501', 'so that it has nothing');
$node->restart;
is(gets('postgres'), '42501', 'through a restart');
bypass('SET secrets.superuser_bypass = on', 'on');
is(gets('postgres'), 'in postgres', 'on by ALTER SYSTEM, which no rule forbids a superuser');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
