# The log goes along with dumps, copies and backups, and goes on wherever it comes to:
# one line says what came, the chain names what it goes on from, heads that were kept
# still stand for what they stood for, and nobody is alarmed for nothing.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('from', allows_streaming => 1, start => 0, extension => 0, conf => "max_prepared_transactions = 5\nautovacuum = off\n");
$node->enable_archiving;
$node->start;
value($node, 'CREATE EXTENSION secrets');
my $dir = $node->basedir;

value($node, q{CREATE ROLE nobody LOGIN});
value($node, q{SELECT count(secrets.put('s/' || n, 'value ' || n)) FROM generate_series(1, 20) n; SELECT secrets.grant('read', 's/1', 'nobody')});
run_sql($node, q{SET secrets.actor = 'ünïcode "quoted" \\ back'; SELECT count(secrets.get(name)) FROM secrets.list('s/*'); SELECT secrets.get('s/none')}, stop => 0);
run_sql($node, q{SELECT secrets.get('s/2')}, params => [ '-U', 'nobody' ]);
value($node, q{SELECT secrets.rotate_master_key(); SELECT secrets.get('s/1'); SELECT secrets.put('s/1', 'newer')});
my @heads = (value($node, 'SELECT secrets.audit_head()'));
value($node, q{SELECT secrets.get('s/1'); SELECT secrets.put('s/2', 'newer')});
push @heads, value($node, 'SELECT secrets.audit_head()');

# ---- questions ----

sub problems
{
	my ($server, $db, $head) = @_;
	return value($server, q{SELECT coalesce(string_agg(kind || ': ' || problem, E'\n'), '') FROM secrets.verify_audit(} . ($head ? "expected_head => '$head'" : '') . ')', $db);
}

sub is_whole
{
	my ($server, $db, $name, @expected) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(problems($server, $db), '', "$name: the log is whole");
	is(problems($server, $db, $_), '', "$name: and has the head that was kept") foreach @expected;
	return;
}

sub restored_lines { return value($_[0], q{SELECT coalesce(string_agg(detail::text, ' ' ORDER BY event_id), '') FROM secrets.audit_log WHERE action = 'config' AND reason = 'restored'}, $_[1]); }
sub openings { return value($_[0], q{SELECT count(*) FROM secrets_catalog.audit_digest WHERE kind = 'open'}, $_[1]); }
sub counted { return value($_[0], q{SELECT count(*) FROM secrets_catalog.audit_event}, $_[1]); }

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

# ---- by dump and restore ----

my $before = counted($node);
my %dumps = (custom => [ "$dir/dump", '-Fc' ], plain => [ "$dir/plain.sql", '-Fp' ], inserts => [ "$dir/inserts.sql", '-Fp', '--inserts' ]);
foreach my $dump (values %dumps)
{
	my ($file, @options) = @$dump;
	command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $file, @options ], "pg_dump @options");
}
is_whole($node, 'postgres', 'where it comes from', @heads);

my $target = new_node('to', key => $node->{root_key}, extension => 0, conf => "max_worker_processes = 20\n");
my $counts = qr/"rule": 1\b/;
foreach my $try ([ $target, 'custom' ], [ $target, 'plain', '--single-transaction' ], [ $target, 'inserts' ], [ $target, 'custom', '-j2' ],
	[ $target, 'custom', '--disable-triggers' ], [ $target, 'data', '--data-only' ], [ $node, 'custom' ])
{
	my ($server, $how, @options) = @$try;
	my $db = fresh_db($server, $how eq 'data');
	my $name = join ' ', $server->name, $how, @options;

	restored($server, $db, $dumps{ $how eq 'data' ? 'custom' : $how }[0], @options);
	my $came = counted($server, $db);
	is_whole($server, $db, "$name, before any change", @heads);
	# What is read before the first change is recorded as ever, and opens the log.
	value($server, q{SET secrets.actor = 'early'; SELECT secrets.get('s/1')}, $db);
	ok(eval { wait_for(sub { value($server, q{SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = 'early'}, $db) eq '1' }, 'line', 60) }, "$name: a read before any change is in the log");
	is_whole($server, $db, "$name, read", @heads);
	is(restored_lines($server, $db), '', 'nothing is said yet');
	value($server, q{SELECT secrets.put('here', 'x'); SELECT secrets.get('s/1')}, $db);
	is_whole($server, $db, "$name, after the first", @heads);
	my $line = restored_lines($server, $db);
	like($line, qr/^\{(?=.*"secret": 20\b)(?=.*"version": 22\b)(?=.*"rule": 1\b)(?=.*"audit_event": ${\ ($came + 1)}\b).*\}$/, 'one line says what came') or diag("audit_event should be one more than $came");
	is(openings($server, $db), 3, 'the log has been opened by the read, and by the change');
	is(value($server, q{SELECT count(*) FROM secrets.audit_log WHERE actor LIKE '%quoted%' AND outcome = 'allowed' AND action = 'read'}, $db), 20, 'so is what was done elsewhere');
	my $own = value($server, 'SELECT secrets.audit_head()', $db);
	value($server, q{SELECT secrets.get('s/1'); SELECT secrets.put('here', 'y')}, $db);
	is_whole($server, $db, "$name, later", @heads, $own);
	isnt(problems($node, 'postgres', $own), '', 'a head of the copy is not one of the original');
}

# From there once more: the copy of a copy.
my $second = fresh_db($target);
command_ok([ 'pg_dump', '-d', $target->connstr('fresh1'), '-f', "$dir/second", '-Fc' ], 'pg_dump of what was restored');
restored($target, $second, "$dir/second");
value($target, q{SELECT secrets.unseal()}, $second);
is(openings($target, $second), 4, 'opened once more, by unseal()');
is_whole($target, $second, 'a copy of a copy', @heads);
is(value($target, q{SELECT count(*) FROM secrets.audit_log WHERE reason = 'restored'}, $second), 2, 'each restore has its line');

# In place of what was there, in the same database: everything dropped and made again.
value($target, q{SELECT secrets.get('s/1')}, 'fresh1');
configure($target, 'secrets.allow_drop = on', 'reload');
wait_for(sub { value($target, 'SHOW secrets.allow_drop') eq 'on' }, 'allow_drop');
foreach my $option ('--single-transaction', '--if-exists')
{
	my $came = value($target, q{SELECT count(*) FROM secrets.audit_log}, 'fresh1');
	command_ok([ 'pg_restore', '--exit-on-error', '--clean', $option, '-d', $target->connstr('fresh1'), "$dir/dump" ], "pg_restore --clean $option");
	value($target, q{SELECT secrets.put('again', 'x')}, 'fresh1');
	is_whole($target, 'fresh1', "restored in place of the other, $option", @heads);
}

# ---- only read ----

# Read after the restore, and never changed.
my $never = fresh_db($target);
restored($target, $never, $dumps{custom}[0]);
value($target, q{SET secrets.actor = 'only read'; SELECT secrets.get('s/1')}, $never);
$target->restart;
is(value($target, q{SELECT count(*) FROM secrets.audit_log WHERE actor = 'only read'}, $never), 1, 'only read: it is in the log after a restart');
value($target, q{SELECT secrets.get('s/1')}, $never);
is_whole($target, $never, 'only read', @heads);
is(restored_lines($target, $never), '', 'the first change will tell of the restore');
value($target, q{SELECT secrets.put('here', 'x')}, $never);
like(restored_lines($target, $never), qr/"secret": 20\b/, 'and does');
is_whole($target, $never, 'changed in the end', @heads);

# ---- a copy by template ----

value($target, 'CREATE DATABASE copy TEMPLATE fresh2');
value($target, q{SELECT secrets.get('s/1')}, 'copy');
is_whole($target, 'copy', 'CREATE DATABASE ... TEMPLATE', @heads);
is(openings($target, 'copy'), 4, 'it has been opened there');
value($target, q{SELECT secrets.put('here', 'of the copy')}, 'copy');
value($target, q{SELECT secrets.put('here', 'of the original'); SELECT secrets.get('s/1')}, 'fresh2');
is_whole($target, $_, "and goes its own way: $_", @heads) foreach 'copy', 'fresh2';
my $of_original = value($target, 'SELECT secrets.audit_head()', 'fresh2');
isnt(problems($target, 'copy', $of_original), '', 'what the original did later is not in the copy');
$target->restart;
value($target, q{SELECT secrets.get('s/1')}, 'copy');
is_whole($target, 'copy', 'after a restart', @heads);

# ---- a base backup, and back to an earlier time ----

value($node, q{BEGIN; SET LOCAL secrets.actor = 'in doubt'; SELECT secrets.put('in/doubt', 'x'); PREPARE TRANSACTION 'in doubt'});
$node->backup('base');
my $kept = value($node, 'SELECT secrets.audit_head()');
value($node, q{SELECT secrets.put('s/3', 'before'); SELECT secrets.get('s/3')});
my $still = value($node, 'SELECT secrets.audit_head()');
value($node, q{SELECT pg_create_restore_point('there')});
value($node, q{SELECT secrets.put('s/3', 'after'); SELECT secrets.get('s/3')});
my $later = value($node, 'SELECT secrets.audit_head()');
value($node, 'SELECT pg_switch_wal()');
is_whole($node, 'postgres', 'the original', @heads, $kept, $still, $later);

my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
configure($copy, "recovery_target_name = 'there'\nrecovery_target_action = 'promote'");
$copy->start;
wait_for(sub { value($copy, 'SELECT pg_is_in_recovery()') eq 'f' }, 'the end of recovery');
is(value($copy, q{SELECT secrets.get('s/3')}), 'before', 'recovered to an earlier time');
is_whole($copy, 'postgres', 'the log up to there', @heads, $kept, $still);
like(problems($copy, 'postgres', $later), qr/^rewound: [^\n]*$/, 'what came after it: rewound');
value($copy, q{SELECT secrets.put('s/3', 'elsewhere'); SELECT secrets.get('s/3')});
is_whole($copy, 'postgres', 'it goes on', @heads, $kept, $still);
like(problems($copy, 'postgres', $later), qr/^rewound: [^\n]*$/, 'and what came after it is rewound still');
is(openings($copy), 2, 'opened once more, on its own timeline');
value($copy, q{COMMIT PREPARED 'in doubt'});
ok(eval { wait_for(sub { value($copy, q{SELECT count(*) FROM secrets_catalog.audit_event e JOIN secrets_catalog.audit_digest d ON e.event_id = ANY (d.events) WHERE actor = 'in doubt'}) eq '1' }, 'digest', 60) },
	'what was prepared before, and committed there, gets its digest');
is_whole($copy, 'postgres', 'afterwards', @heads, $kept, $still);

# On one timeline it is something else: somebody has cut it.
my $cut_head = value($copy, 'SELECT secrets.audit_head()');
$copy->stop;
$copy->start;
value($copy, q{BEGIN; SET LOCAL session_replication_role = replica;
	ALTER TABLE secrets_catalog.audit_event DISABLE TRIGGER USER; ALTER TABLE secrets_catalog.audit_digest DISABLE TRIGGER USER;
	DELETE FROM secrets_catalog.audit_event WHERE batch IN (SELECT number FROM secrets_catalog.audit_digest ORDER BY number DESC LIMIT 3)
		OR event_id IN (SELECT unnest(events) FROM (SELECT events FROM secrets_catalog.audit_digest ORDER BY number DESC LIMIT 3) x);
	DELETE FROM secrets_catalog.audit_digest WHERE number IN (SELECT number FROM secrets_catalog.audit_digest ORDER BY number DESC LIMIT 3); COMMIT});
my $told = problems($copy, 'postgres', $cut_head);
like($told, qr/shortened: /, 'cut while it was stopped: shortened');
unlike($told, qr/rewound/, 'and not rewound');
$copy->stop;

value($node, q{ROLLBACK PREPARED 'in doubt'});
is_whole($node, 'postgres', 'the original, in the end', @heads, $kept, $still, $later);
is(value($node, q{SELECT count(*) FROM secrets.audit_log WHERE actor = 'in doubt'}), 0, 'of what was rolled back there is no line');
foreach my $server ($node, $target) { $server->stop; }
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|XX000/, $_->name . ': no internal error') foreach ($node, $target, $copy);

done_testing();
