# The ways in of the leak suite: whatever brings a value to the server, makes one there
# or takes one out, each with a value of its own; and what they need of a server.
package LeakDoors;

use strict;
use warnings FATAL => 'all';

use Encode qw(decode_utf8 encode);
use Exporter 'import';
use IPC::Run ();
use LeakTest;
use LoginTest;
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

our @EXPORT = qw($hunt $node $door $client @modules %has is_here turn_to reconnect helper logged furnish
  see see_activity see_notices see_statistics seen_waiting fill must job_schedule remember_made try_doors try_jobs try_rejected);

# ---- the server at hand ----

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
our @modules = grep { -e "$libraries/$_.so" } qw(pg_stat_statements auto_explain pgaudit pg_cron);
our %has = map { $_ => 1 } @modules;

# Of some servers' only, and where somebody has installed a module.
sub is_here
{
	my ($node, $what) = @_;
	return (!$what->{server} || $node->pg_version >= $what->{server}) && (!$what->{module} || $has{ $what->{module} });
}

# The server at hand, the door that is tried, and the client that does it.
our ($hunt, $node, $door, $client);

sub turn_to
{
	see_notices();
	($hunt) = @_;
	($node, $client) = @$hunt{qw(node client)};
	return;
}

# Others that are there all the time: who may watch, and who may do anything.
sub reconnect
{
	$hunt->{client} = $client = connect_to($node);
	$hunt->{helper} = connect_to($node, $hunt->{is_furnished} ? (user => 'helper') : ());
	$hunt->{watcher} = connect_to($node, user => 'watcher') if $hunt->{is_furnished};
	return;
}

sub logged { return join '', map { slurp_file($_) } $node->logfile, glob "$hunt->{logs}/*.log"; }
sub helper { my ($sql) = @_; return $hunt->{helper}->value($sql); }

# ---- what the ways lead to ----

# What these two do is nothing to be looked at, and would be most of the logs.
my @quiet = map { "$_ = off" } qw(log_duration log_parser_stats log_planner_stats log_executor_stats debug_print_parse debug_print_rewritten debug_print_plan trace_sort);
push @quiet, 'log_statement = none', 'log_min_messages = warning', 'log_min_error_statement = error', 'log_min_duration_statement = -1', 'log_min_duration_sample = -1', 'log_transaction_sample_rate = 0';

sub be_quiet
{
	my @more = ($has{auto_explain} ? 'auto_explain.log_min_duration = -1' : (), $has{pgaudit} ? q{pgaudit.log = 'none'} : ());

	foreach my $role (qw(helper watcher))
	{
		helper("ALTER ROLE $role SET $_") foreach @quiet, ($hunt->{small} ? () : @more);
	}
	return;
}

sub furnish
{
	helper('CREATE EXTENSION secrets');
	helper("CREATE EXTENSION $_") foreach grep { $_ ne 'auto_explain' } ($hunt->{small} ? () : @modules), 'dblink', 'postgres_fdw';
	helper($_) foreach split /^;\n/m, <<'END';
CREATE ROLE helper SUPERUSER LOGIN;
CREATE ROLE watcher LOGIN;
GRANT pg_monitor TO watcher;
CREATE ROLE stranger LOGIN;
CREATE ROLE auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON secrets.inbox TO auditor;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO stranger;
CREATE TABLE app.seen (who text, query text);
CREATE TABLE app.watched (v bigint);
CREATE TABLE app.strict (v text CHECK (length(v) < 3), w text NOT NULL DEFAULT 'w');
CREATE TABLE app.once (v text PRIMARY KEY);
CREATE TABLE app.child (v text REFERENCES app.once);
CREATE TABLE app.later (v text REFERENCES app.once DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE app.counter (n int);
INSERT INTO app.counter VALUES (1);
CREATE TABLE app.locked (n int);
CREATE TABLE app.some AS SELECT 1 AS i;
CREATE TABLE app.staging (n text, v text);
CREATE TABLE app.moving (n text, v text);
;
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.seen VALUES ('trigger', current_query()); RETURN NEW; END $$;
CREATE TRIGGER note AFTER INSERT ON app.watched FOR EACH STATEMENT EXECUTE FUNCTION app.note();
CREATE FUNCTION app.note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.seen VALUES ('event trigger', current_query()); END $$;
CREATE EVENT TRIGGER note_ddl ON ddl_command_end EXECUTE FUNCTION app.note_ddl();
CREATE FUNCTION app.asks() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.seen VALUES ('function', current_query()); RETURN 'asked'; END $$;
CREATE FUNCTION app.move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.put(NEW.n, NEW.v); NEW.v := NULL; RETURN NEW; END $$;
CREATE TRIGGER move BEFORE INSERT ON app.moving FOR EACH ROW EXECUTE FUNCTION app.move();
;
CREATE FUNCTION app.keep_static(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put(n, v); END $$;
CREATE FUNCTION app.keep_using(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r bigint; BEGIN EXECUTE 'SELECT secrets.put($1, $2)' INTO r USING n, v; RETURN r; END $$;
CREATE FUNCTION app.keep_quoted(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r bigint; BEGIN EXECUTE format('SELECT secrets.put(%L, %L)', n, v) INTO r; RETURN r; END $$;
CREATE FUNCTION app.keep_sql(n text, v text) RETURNS bigint LANGUAGE sql AS $$ SELECT secrets.put(n, v) $$;
CREATE FUNCTION app.keep_atomic(n text, v text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT secrets.put(n, v); END;
CREATE FUNCTION app.unlisted(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r bigint; BEGIN EXECUTE format('SELECT secrets.put(%L, %L)', n, v) INTO r; RETURN r; END $$;
CREATE FUNCTION app.tells(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'about to store %', v; RETURN secrets.put(n, v); END $$;
CREATE PROCEDURE app.keep_call(n text, v text) LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.put(n, v); END $$;
CREATE PROCEDURE app.keep_commit(n text, v text) LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.put(n, v); COMMIT; PERFORM 1; END $$;
CREATE FUNCTION app.shout(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM secrets.put(n, v);
	RAISE LOG 'this is %', v USING DETAIL = 'more: ' || quote_literal(v), HINT = 'in hex: ' || encode(convert_to(v, 'UTF8'), 'hex');
	RAISE LOG '%', to_json(v);
	RAISE LOG 'base64 %', encode(convert_to('x' || v, 'UTF8'), 'base64');
	RETURN 1;
END $$;
CREATE FUNCTION app.boom(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM secrets.put(n, v);
	RAISE EXCEPTION 'boom %', v USING DETAIL = 'more: ' || v, HINT = 'and: ' || quote_literal(v);
END $$;
CREATE FUNCTION app.boom_sql(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT secrets.put(%L, %L), 1 / 0', n, v);
END $$;
CREATE FUNCTION app.rotated(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF step = 'set' THEN
		EXECUTE format('ALTER ROLE rotated_by_function PASSWORD %L', candidate);
		RAISE LOG 'now %', candidate;
	END IF;
	RETURN CASE step WHEN 'create' THEN secrets.random_password() END;
END $$;
CREATE ROLE rotated_by_function LOGIN;
CREATE ROLE rotated LOGIN PASSWORD 'first';
CREATE ROLE pair_a LOGIN PASSWORD 'first';
CREATE ROLE pair_b LOGIN PASSWORD 'first';
END
	helper("CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '${\ $node->host}', port '${\ $node->port}', dbname 'postgres')");
	helper('CREATE USER MAPPING FOR postgres SERVER far');
	helper(q{CREATE FOREIGN TABLE app.far_inbox (name text, value text) SERVER far OPTIONS (schema_name 'secrets', table_name 'inbox')});
	helper(q{SELECT pg_create_logical_replication_slot('stream', 'test_decoding')}) if !$hunt->{small};
	be_quiet();
	$hunt->{is_furnished} = 1;
	reconnect();
	return;
}

# ---- what others see ----

# What clients have been told by the way.
sub see_notices
{
	my @told = LeakTest::Client::told();

	$hunt->keep('notices', join "\n", @told) if $hunt && !$hunt->{small};
	return;
}

# As whoever may monitor: statements, and what a list of processes shows.
sub see_activity
{
	my ($place) = @_;

	return if $hunt->{small};
	my $watcher = $hunt->{watcher};
	$hunt->keep($place, $watcher->value('SELECT query FROM pg_stat_activity'));
	foreach my $pid (split /\n/, $watcher->value('SELECT pid FROM pg_stat_activity'))
	{
		$hunt->keep('titles of processes', eval { slurp_file("/proc/$pid/cmdline") } || '');
	}
	return;
}

# And what the session itself shows.
sub see_session
{
	my ($who) = @_;
	my %views = (
		'pg_prepared_statements' => 'SELECT string_agg(statement, chr(10)) FROM pg_prepared_statements',
		'pg_cursors' => 'SELECT string_agg(statement, chr(10)) FROM pg_cursors',
		'pg_backend_memory_contexts' => 'SELECT string_agg(ident, chr(10)) FROM pg_backend_memory_contexts');

	return if $hunt->{small} || $who->is_lost;
	foreach my $view (sort keys %views)
	{
		# Prepared, its plan is printed but once.
		$who->{sees}{$view} ||= $who->ask("PREPARE see_$view AS $views{$view}")->{state} eq '';
		my $answer = $who->ask("EXECUTE see_$view");
		$hunt->keep($view, $answer->{out}) if $answer->{state} eq '';
	}
	return;
}

sub see
{
	my ($who) = @_;

	see_activity('pg_stat_activity, after');
	see_session($who || $client);
	return;
}

# While it waits, which it does for so long that it must be cancelled.
sub seen_waiting
{
	my ($who, $for) = @_;

	wait_for(sub { helper("SELECT count(*) FROM pg_stat_activity WHERE pid = $who->{pid} AND wait_event = '" . ($for || 'PgSleep') . "'") }, 'a statement that waits');
	see_activity('pg_stat_activity, meanwhile');
	helper("SELECT pg_cancel_backend($who->{pid})");
	return $who->answer;
}

sub see_statistics
{
	$hunt->keep('pg_stat_statements', $hunt->{watcher}->value('SELECT query FROM pg_stat_statements')) if $has{pg_stat_statements};
	return;
}

# ---- how doors are written down ----

my @doors;

# Options: state, of how it ends (a success, if there is none); stored => 0: it brings nothing in;
# silent: not even an unmasked log has it; plain: nothing odd in the value; main: not where redaction is off.
sub door { my ($name, @options) = @_; my $code = pop @options; push @doors, { name => $name, @options, code => $code }; return; }

# In the text of a statement, what stands for the value and for the secret's name.
sub fill
{
	my ($sql) = @_;
	my $value = $door->{value};
	my %of = (
		n => quote($door->{secret}), s => $door->{secret}, v => quote($value), raw => $value, h => $door->{head}, t => $door->{tail},
		e => "E'" . ($value =~ s/([\\'])/\\$1/gr) . "'", ex => "E'" . escaped($value, '\\x%02x') . "'", eo => "E'" . escaped($value, '\\%03o') . "'",
		eu => "E'" . escaped(decode_utf8($value), '\\u%04x') . "'", u => "U&'" . escaped(decode_utf8($value), '\\%04X') . "'",
		ue => "U&'" . escaped(decode_utf8($value), '!%04x') . "' UESCAPE '!'",
		hex => unpack('H*', $value), base64 => encode_base64($value, ''), j => quote('{"k": ' . json($value) . '}'), number => $door->{number} || '');

	$sql =~ s/\{(\w+)\}/exists $of{$1} ? $of{$1} : die "no {$1}"/ge;
	return $sql;
}

sub ask { my ($sql) = @_; return $client->ask(fill($sql)); }
sub must { my ($sql) = @_; return $client->value(fill($sql)); }
sub bound { my ($sql, %how) = @_; return $client->bound(fill($sql), $how{values} || [ $door->{secret}, $door->{value} ], %how); }

sub statement { my ($name, $sql, @options) = @_; return door($name, @options, sub { return ask($sql); }); }
sub literal { my ($name, @rest) = @_; return statement("literal: $name", @rest); }
sub bind_door { my ($name, $sql, @options) = @_; return door("bind: $name", @options, sub { return bound($sql); }); }

# By programs; SQLSTATEs of what they say.
sub by_psql
{
	my ($sql, @params) = @_;
	return run_sql($node, fill($sql), params => \@params);
}

sub by_pgbench
{
	my ($sql, $mode, %variables) = @_;
	my $script = $node->basedir . '/statement.sql';
	my ($out, $err) = ('', '');

	open my $file, '>', $script or die $!;
	print $file "$sql;\n";
	close $file;
	IPC::Run::run([ 'pgbench', '-n', '-c', '1', '-t', '1', '-M', $mode, '-f', $script, (map { ('-D', "$_=$variables{$_}") } sort keys %variables), $node->connstr('postgres') ], '>', \$out, '2>', \$err)
	  or die $err;
	return '';
}

sub file_with
{
	my ($text) = @_;
	my $path = $node->basedir . '/input';

	open my $file, '>:raw', $path or die $!;
	print $file $text;
	close $file;
	return $path;
}

# ---- ways in: bound parameters ----

door 'bind: a named statement', sub { return bound('SELECT secrets.put($1, $2)', name => 'named') };
door 'bind: in binary', sub { return bound('SELECT secrets.put($1, $2)', binary => 1) };
door 'bind: named, in binary, types told', sub { return bound('SELECT secrets.put($1, $2)', name => 'typed', binary => 1, oids => [ 25, 25 ]) };
door 'bind: so often that the plan is generic', sub {
	must(q{PREPARE nothing AS SELECT 1});
	bound('SELECT secrets.put($1, $2)', name => 'often');
	$client->write(LeakTest::Client::bind([ $door->{secret}, $door->{value} ], name => 'often') . LeakTest::Client::execute() . LeakTest::Client::sync()), $client->answer foreach 1 .. 7;
	must('DEALLOCATE nothing');
	return '';
};
foreach my $mode (qw(force_generic_plan force_custom_plan))
{
	door "bind: $mode", sub {
		must("SET plan_cache_mode = $mode");
		my $answer = bound('SELECT secrets.put($1, $2)', name => $mode);
		must('RESET plan_cache_mode');
		return $answer;
	};
}
door 'bind: bit by bit', sub {
	$client->write(LeakTest::Client::parse(fill('SELECT secrets.put($1, $2) FROM generate_series(1, 3)')) . LeakTest::Client::bind([ $door->{secret}, $door->{value} ], portal => 'p')
		  . join('', map { LeakTest::Client::execute(portal => 'p', rows => 1) } 1 .. 3) . LeakTest::Client::sync());
	return $client->answer;
};
door 'bind: pipelined', sub {
	$client->write(join('', map { LeakTest::Client::call('SELECT secrets.put($1, $2)', [ $door->{secret}, $door->{value} ]) } 1 .. 3) . LeakTest::Client::sync());
	return $client->answer;
};
door 'bind: pipelined, and another fails', state => '22012', stored => 0, sub {
	$client->write(LeakTest::Client::call('SELECT secrets.put($1, $2)', [ $door->{secret}, $door->{value} ]) . LeakTest::Client::call('SELECT 1 / $1::int', [0])
		  . LeakTest::Client::call('SELECT secrets.put($1, $2)', [ $door->{secret}, $door->{value} ]) . LeakTest::Client::sync());
	return $client->answer;
};
door 'bind: by a function call message', silent => 1, sub {
	my $oid = helper(q{SELECT p.oid FROM pg_proc p WHERE proname = 'put' AND proargtypes[1] = 'text'::regtype AND pronamespace = 'secrets'::regnamespace});
	return $client->fastpath($oid, $door->{secret}, $door->{value}, undef, undef, undef, undef, '{}');
};
foreach my $mode (qw(extended prepared))
{
	door "bind: pgbench -M $mode", plain => 1, sub { return by_pgbench('SELECT secrets.put(:n, :v)', $mode, n => $door->{secret}, v => $door->{value}) };
}
door 'bind: psql \bind', plain => 1, server => 16, sub { return by_psql('SELECT secrets.put($1, $2) \bind {n} {v} \g') };

bind_door 'named arguments', 'SELECT secrets.put(value => $2, name => $1)';
bind_door 'with all that goes with it', q{SELECT secrets.put($1, $2, description => 'description', tags => '{"a": "b"}', expires_at => '2101-01-01', options => '{"content_type": "text/plain"}')};
bind_door 'in FROM', 'SELECT * FROM secrets.put($1, $2)';
bind_door 'in another spelling', 'SELECT Secrets.U&"\0070ut" ($1, $2)';
bind_door 'jsonb made there', q{SELECT secrets.put($1, jsonb_build_object('k', $2::text))}, holds => 'k';
door 'bind: jsonb', holds => 'k', sub { return bound('SELECT secrets.put($1, $2::jsonb)', values => [ $door->{secret}, '{"k": ' . json($door->{value}) . '}' ]) };
door 'bind: jsonb in binary', holds => 'k', sub { return bound('SELECT secrets.put($1, $2)', oids => [ 25, 3802 ], binary => 1, values => [ $door->{secret}, "\x01" . '{"k": ' . json($door->{value}) . '}' ]) };
door 'bind: patch', holds => 'k', sub { must(q{SELECT secrets.put({n}, '{"a": 1}')}); return bound('SELECT secrets.patch($1, $2::text)', values => [ $door->{secret}, '{"k": ' . json($door->{value}) . '}' ]) };
door 'bind: patch by jsonb', holds => 'k', sub { must(q{SELECT secrets.put({n}, '{"a": 1}')}); return bound('SELECT secrets.patch($1, $2::jsonb)', values => [ $door->{secret}, '{"k": ' . json($door->{value}) . '}' ]) };
door 'bind: put_bytes', sub { return bound('SELECT secrets.put_bytes($1, $2)', binary => 1) };
door 'bind: put_bytes, in hex', sub { return bound('SELECT secrets.put_bytes($1, $2)', values => [ $door->{secret}, '\\x' . unpack('H*', $door->{value}) ]) };
bind_door 'put_bytes, converted', q{SELECT secrets.put_bytes($1, convert_to($2, 'UTF8'))};

bind_door 'INSERT into the inbox', 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)';
bind_door 'INSERT into the inbox, rows', q{INSERT INTO secrets.inbox (value, name) VALUES ($2, $1), ($2, $1 || '/2')};
bind_door 'INSERT into the inbox, SELECT', 'INSERT INTO secrets.inbox (name, value) SELECT n, v FROM unnest(ARRAY[$1], ARRAY[$2]) u(n, v)';
door 'bind: INSERT into the inbox, two hundred parameters', sub {
	my @values = map { ("$door->{secret}/$_", $door->{value}) } 1 .. 100;

	$values[198] = $door->{secret};
	return bound('INSERT INTO secrets.inbox (name, value) VALUES ' . join(', ', map { '($' . (2 * $_ - 1) . ', $' . 2 * $_ . ')' } 1 .. 100), values => \@values);
};
bind_door 'CTE', 'WITH v(n, x) AS (SELECT $1::text, $2::text) SELECT secrets.put(n, x) FROM v';
bind_door 'CTE, materialized', 'WITH v(n, x) AS MATERIALIZED (SELECT $1::text, $2::text) SELECT secrets.put(n, x) FROM v ORDER BY x';
door 'bind: arrays', sub { return bound('SELECT secrets.put(n, x) FROM unnest($1::text[], $2::text[]) v(n, x)', values => [ "{$door->{secret}}", '{' . json($door->{value}) =~ s/\\n/\n/r =~ s/\\t/\t/r . '}' ]) };
bind_door 'VALUES', 'SELECT secrets.put(n, x) FROM (VALUES ($1, $2)) v(n, x)';
bind_door 'subquery', 'SELECT secrets.put($1, (SELECT max(x) FROM (SELECT $2 AS x) s))';
bind_door 'CASE', q{SELECT CASE WHEN $2 <> 'x' THEN secrets.put($1, $2) END};
bind_door 'CTAS of the version', 'CREATE TABLE app.ctas_bound AS SELECT secrets.put($1, $2) AS version';
bind_door 'into a table with a trigger that asks', 'INSERT INTO app.watched SELECT secrets.put($1, $2)';
bind_door 'EXPLAIN', 'EXPLAIN (VERBOSE) SELECT secrets.put($1, $2)', stored => 0;
bind_door 'EXPLAIN ANALYZE', 'EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) SELECT secrets.put($1, $2)';
foreach my $hold ('WITHOUT', 'WITH')
{
	door "bind: cursor $hold HOLD", sub {
		must('BEGIN');
		my $answer = bound("DECLARE c_bound CURSOR $hold HOLD FOR SELECT secrets.put(\$1, \$2)");
		must('FETCH ALL FROM c_bound') if $hold eq 'WITHOUT';
		see();
		must('COMMIT');
		must('CLOSE c_bound') if $hold eq 'WITH';
		return $answer;
	};
}
bind_door "a wrapper, $_", "SELECT app.$_(\$1, \$2)" foreach qw(keep_static keep_using keep_quoted keep_sql keep_atomic shout tells);
bind_door 'CALL', 'CALL app.keep_call($1, $2)';
bind_door 'CALL that commits', 'CALL app.keep_commit($1, $2)';
bind_door 'a trigger that moves it into the store', 'INSERT INTO app.moving VALUES ($1, $2)';
bind_door 'a function that asks', 'SELECT secrets.put($1, $2), app.asks()';
door 'bind: a watched secret', main => 1, sub {
	my $ear = connect_to($node);
	my $channel;

	bound('SELECT secrets.put($1, $2)', values => [ $door->{secret}, 'first' ]);
	$channel = must('SELECT secrets.watch({n})');
	$ear->value("LISTEN $channel");
	my $answer = bound('SELECT secrets.put($1, $2)');
	wait_for(sub { $ear->value('SELECT 1'); scalar @{ $ear->{heard} } }, 'the notification');
	$hunt->keep('notifications', join "\n", @{ $ear->{heard} });
	$ear->close;
	return $answer;
};
door 'bind: over dblink', main => 1, sub {
	return bound('SELECT * FROM dblink($3, format(\'SELECT secrets.put(%L, %L)\', $1::text, $2::text)) t(v bigint)', values => [ $door->{secret}, $door->{value}, $node->connstr('postgres') ]);
};
bind_door 'over postgres_fdw', 'INSERT INTO app.far_inbox VALUES ($1, $2)', main => 1;

door 'bind: by a client in LATIN1', sub {
	my $other = connect_to($node, client_encoding => 'LATIN1');
	return $other->bound('SELECT secrets.put($1, $2)', [ $door->{secret}, encode('iso-8859-1', decode_utf8($door->{value})) ]);
};

# Data of COPY is in no statement.
sub copied { my ($value) = @_; return $value =~ s/\\/\\\\/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr; }

door 'bind: COPY from the client', silent => 1, sub { return $client->copy_in('COPY secrets.inbox (name, value) FROM STDIN', "$door->{secret}\t" . copied($door->{value}) . "\n") };
door 'bind: COPY from the client, csv', silent => 1, sub { return $client->copy_in('COPY secrets.inbox (name, value) FROM STDIN (FORMAT csv)', "$door->{secret},\"" . ($door->{value} =~ s/"/""/gr) . "\"\n") };
door 'bind: COPY from a file', silent => 1, sub { return ask("COPY secrets.inbox (name, value) FROM '" . file_with("$door->{secret}\t" . copied($door->{value}) . "\n") . "'") };
door 'bind: COPY from a program', silent => 1, sub { return ask("COPY secrets.inbox (name, value) FROM PROGRAM 'cat " . file_with("$door->{secret}\t" . copied($door->{value}) . "\n") . "'") };
door 'bind: \copy', silent => 1, sub { return by_psql('\copy secrets.inbox (name, value) from ' . file_with("$door->{secret}\t" . copied($door->{value}) . "\n")) };

# ---- the same, where it fails ----

bind_door 'fails: division by zero after it', 'SELECT 1 / (secrets.put($1, $2) - 1)', state => '22012', stored => 0;
bind_door 'fails: a row that violates a constraint', 'INSERT INTO app.strict (v) SELECT $2 FROM secrets.put($1, $2)', state => '23514', stored => 0;
bind_door 'fails: a row without what must be', 'INSERT INTO app.strict (v, w) SELECT $2, NULL FROM secrets.put($1, $2)', state => '23502', stored => 0;
bind_door 'fails: the same key twice', 'INSERT INTO app.once SELECT $2 FROM generate_series(1, 2), secrets.put($1, $2)', state => '23505', stored => 0;
bind_door 'fails: no such key', 'INSERT INTO app.child SELECT $2 FROM secrets.put($1, $2)', state => '23503', stored => 0;
door 'bind: fails: at COMMIT', state => '23503', stored => 0, sub {
	must('BEGIN');
	bound('INSERT INTO app.later SELECT $2 FROM secrets.put($1, $2)');
	return ask('COMMIT');
};
bind_door 'fails: no number', 'SELECT secrets.put($1, $2), $2::text::int', state => '22P02', stored => 0;
bind_door 'fails: no number, before it', 'SELECT $2::text::int, secrets.put($1, $2)', state => '22P02', stored => 0;
bind_door 'fails: no date', q{SELECT secrets.put($1, $2), to_date($2::text, 'YYYY')}, state => '22007', stored => 0;
bind_door 'fails: no such table', 'SELECT secrets.put($1, $2), $2::text::regclass', state => '42P01', stored => 0, plain => 1;
bind_door 'fails: no such table, before it', 'SELECT $2::text::regclass, secrets.put($1, $2)', state => '42P01', stored => 0, plain => 1;
bind_door 'fails: no such role, before it', 'SELECT $2::text::regrole, secrets.put($1, $2)', state => '42704', stored => 0, plain => 1;
bind_door 'fails: no such file, before it', 'SELECT pg_read_file($2), secrets.put($1, $2)', state => '58P01', stored => 0, plain => 1;
bind_door 'fails: no such setting, before it', 'SELECT current_setting($2), secrets.put($1, $2)', state => '42704', stored => 0, plain => 1;
door 'bind: fails: given as a number', state => '22P02', stored => 0, sub { return bound('SELECT secrets.put($1, $2), $3', oids => [ 25, 25, 23 ], values => [ $door->{secret}, 'x', $door->{value} ]) };
door 'bind: fails: given as a date', state => '22007', stored => 0, sub { return bound('SELECT secrets.put($1, $2, expires_at => $3)', values => [ $door->{secret}, $door->{value}, $door->{value} ]) };
door 'bind: fails: given as JSON', state => '22P02', stored => 0, sub { return bound('SELECT secrets.put($1, $2::jsonb)', values => [ $door->{secret}, "{\"k\": $door->{head}} $door->{value}" ]) };
door 'bind: fails: cast to JSON', state => '22P02', stored => 0, sub { return bound('SELECT secrets.put($1, ($2::text)::jsonb)', values => [ $door->{secret}, "{\"k\": $door->{head}} $door->{value}" ]) };
door 'bind: fails: bad UTF-8', state => '22021', stored => 0, silent => 1, sub { return bound('SELECT secrets.put($1, $2)', values => [ $door->{secret}, "$door->{value}\xff$door->{value}" ]) };
door 'bind: fails: too large', state => '54000', stored => 0, sub { return bound('SELECT secrets.put($1, $2)', values => [ $door->{secret}, $door->{value} x 800 ]) };
bind_door 'fails: a wrapper that raises it', 'SELECT app.boom($1, $2)', state => 'P0001', stored => 0;
bind_door 'fails: a wrapper that quotes it', 'SELECT app.boom_sql($1, $2)', state => '22012', stored => 0;
bind_door 'fails: expired', q{SELECT secrets.put($1, $2, expires_at => '2001-01-01'), secrets.put($1, $2)}, state => '55000', stored => 0;
bind_door 'fails: check-and-set', 'SELECT secrets.put($1, $2, if_version => 77)', state => '40002', stored => 0;
bind_door 'fails: misspelt option', q{SELECT secrets.put($1, $2, options => '{"nothing": 1}')}, state => '22023', stored => 0;
door 'bind: fails: as a name', state => '22023', stored => 0, sub { return bound('SELECT secrets.put($1, $2)', values => [ "$door->{value} !", 'x' ]) };
door 'bind: fails: in a transaction that has failed', state => '25P02', stored => 0, silent => 1, sub {
	must('BEGIN');
	ask('SELECT 1 / 0');
	my $answer = bound('SELECT secrets.put($1, $2)');
	see();
	must('ROLLBACK');
	return $answer;
};
door 'bind: fails: statement_timeout', state => '57014', stored => 0, sub {
	must(q{SET statement_timeout = '200ms'});
	my $answer = bound('SELECT secrets.put($1, $2), pg_sleep(60)');
	must('RESET statement_timeout');
	return $answer;
};
door 'bind: fails: lock_timeout', state => '55P03', stored => 0, sub {
	my $holder = connect_to($node);

	$holder->value('BEGIN');
	$holder->value(fill(q{SELECT secrets.put({n}, 'first')}));
	must(q{SET lock_timeout = '300ms'});
	my $answer = bound('SELECT secrets.put($1, $2)');
	must('RESET lock_timeout');
	$holder->close;
	return $answer;
};
door 'bind: fails: cancelled', state => '57014', stored => 0, sub {
	my $other = connect_to($node);

	$other->write(LeakTest::Client::call('SELECT secrets.put($1, $2), pg_sleep(60)', [ $door->{secret}, $door->{value} ]) . LeakTest::Client::sync());
	my $answer = seen_waiting($other);
	see($other);
	return $answer;
};
door 'bind: fails: terminated', state => '57P01', stored => 0, sub {
	my $other = connect_to($node);

	$other->write(LeakTest::Client::call('SELECT secrets.put($1, $2), pg_sleep(60)', [ $door->{secret}, $door->{value} ]) . LeakTest::Client::sync());
	wait_for(sub { helper("SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pid} AND wait_event = 'PgSleep'") }, 'a statement that waits');
	helper("SELECT pg_terminate_backend($other->{pid})");
	return $other->answer;
};

# Of two sessions; each waits for what the other has, one is refused.  What asks is given its client.
sub deadlock
{
	my ($asks) = @_;
	my @both = map { connect_to($node) } 1, 2;
	my @names = ("$door->{secret}/a", "$door->{secret}/b");

	$both[$_]->value("SELECT secrets.put('$names[$_]', 'first')") foreach 0, 1;
	$_->value('BEGIN') foreach @both;
	$both[$_]->value("SELECT secrets.put('$names[$_]', 'second')") foreach 0, 1;
	$asks->($both[$_], $names[1 - $_]) foreach 0, 1;
	my ($state) = grep { $_ } map { my $answer = $_->answer; $_->ask('ROLLBACK'); $answer->{state} } map { $both[$_] } 0, 1;
	return $state;
}

door 'bind: fails: deadlock', state => '40P01', stored => 0, sub {
	return deadlock(sub { my ($one, $name) = @_; $one->write(LeakTest::Client::call('SELECT secrets.put($1, $2)', [ $name, $door->{value} ]) . LeakTest::Client::sync()) });
};

# Somebody else has changed the row meanwhile.
sub serialization_failure
{
	my ($asks) = @_;

	must('BEGIN ISOLATION LEVEL REPEATABLE READ');
	must('SELECT * FROM app.counter');
	helper('UPDATE app.counter SET n = n + 1');
	my $answer = $asks->();
	must('ROLLBACK');
	return $answer;
}

door 'bind: fails: serialization', state => '40001', stored => 0, sub {
	return serialization_failure(sub { return bound('WITH p AS (SELECT secrets.put($1, $2) AS v) UPDATE app.counter SET n = p.v FROM p') });
};
# COPY quotes the line, or the column, that it is at.
door 'bind: fails: COPY of a line too short', state => '22P04', stored => 0, sub { return $client->copy_in('COPY secrets.inbox (name, value) FROM STDIN', copied($door->{value}) . "\n") };
door 'bind: fails: COPY of a line too long', state => '22P04', stored => 0, sub { return $client->copy_in('COPY secrets.inbox (name, value) FROM STDIN', "$door->{secret}\tx\t" . copied($door->{value}) . "\n") };
door 'bind: fails: COPY of no date', state => '22007', stored => 0, sub { return $client->copy_in('COPY secrets.inbox (name, expires_at) FROM STDIN', "$door->{secret}\t" . copied($door->{value}) . "\n") };
door 'bind: COPY that passes over what is no date', server => 17, stored => 0, silent => 1, sub {
	return $client->copy_in('COPY secrets.inbox (name, value, expires_at) FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)', "$door->{secret}\tx\t" . copied($door->{value}) . "\n");
};
door 'bind: fails: COPY with a bad name', state => '22023', stored => 0, silent => 1, sub { return $client->copy_in('COPY secrets.inbox (name, value) FROM STDIN', "no name !\t" . copied($door->{value}) . "\n") };

# ---- ways in: what is made here ----

# What it is is not known before.
sub made
{
	my ($name, $kind, $options) = @_;

	return door "made: generate, $name", stored => 0, silent => 1, sub {
		my $answer = ask("SELECT secrets.generate({n}, '$kind', '$options')");
		remember_made($door->{secret});
		return $answer;
	};
}

# Of keys what is private, and of those in PEM nothing else; the seed of an ed25519 key is at the end of its DER.
sub secret_parts
{
	my ($bytes) = @_;

	return $bytes if $bytes !~ /-----BEGIN ([A-Z ]*)PRIVATE KEY-----\n(.*?)-----END/s;
	my ($kind, $der) = ($1, decode_base64($2));
	return substr $der, -32 if $kind eq '';
	# OpenSSH has the public half three times, the last time behind the seed.
	my ($public) = $der =~ /ssh-ed25519\0\0\0 (.{32})/s or die 'no public key';
	return substr $der, rindex($der, $public) - 32, 32;
}

sub remember_made
{
	my ($name) = @_;

	foreach my $hex (split /\n/, helper("SELECT encode(secrets.get_bytes(name, version => version), 'hex') FROM secrets.versions WHERE name = '$name' AND state = 'enabled'"))
	{
		my $value = pack 'H*', $hex;
		$hunt->remember($door, secret_parts($value)) if $value ne 'first';
	}
	return;
}

made $_, $_, '{}' foreach qw(password token bytes uuid ssh_ed25519);
made 'keypair', 'keypair', '{"algorithm": "ed25519"}';
made 'x509', 'x509', '{"common_name": "made", "algorithm": "ed25519"}';
door 'made: random_password, by its result', stored => 0, silent => 1, sub {
	my $answer = ask('SELECT secrets.random_password(24)');
	$hunt->remember($door, $answer->{out});
	return $answer;
};
door 'made: put(random_password())', stored => 0, silent => 1, sub { my $answer = ask('SELECT secrets.put({n}, secrets.random_password())'); remember_made($door->{secret}); return $answer; };
door 'made: in a DO block', stored => 0, silent => 1, sub { my $answer = ask('DO $$ DECLARE v text := secrets.random_password(); BEGIN PERFORM secrets.put({n}, v); END $$'); remember_made($door->{secret}); return $answer; };
door 'made: rotated by generate', stored => 0, silent => 1, sub {
	must(q{SELECT secrets.generate({n}), secrets.schedule_rotation({n}, '1 day')});
	must('SELECT secrets.rotate({n})');
	my $answer = ask('CALL secrets.rotate_now({n})');
	remember_made($door->{secret});
	return $answer;
};
door 'made: rotated for a role', stored => 0, silent => 1, sub {
	must(q{SELECT secrets.put({n}, 'first')});
	must(q{SELECT secrets.schedule_rotation({n}, '1 day', 'role', '{"role": "rotated"}')});
	my $answer = ask('SELECT secrets.rotate({n})');
	remember_made($door->{secret});
	return $answer;
};
door 'made: rotated for two roles', stored => 0, silent => 1, sub {
	must(q{SELECT secrets.put({n}, '{"username": "pair_a", "password": "first"}')});
	must(q{SELECT secrets.schedule_rotation({n}, '1 day', 'role_pair', '{"roles": ["pair_a", "pair_b"]}')});
	my $answer = ask('SELECT secrets.rotate({n})');
	$hunt->remember($door, helper(fill(q{SELECT secrets.get({n}, 'password')})));
	return $answer;
};
door 'made: rotated by a function, with ALTER ROLE %L', stored => 0, silent => 1, sub {
	must(q{SELECT secrets.put({n}, 'first')});
	must(q{SELECT secrets.schedule_rotation({n}, '1 day', 'app.rotated')});
	my $answer = ask('CALL secrets.rotate_now({n})');
	remember_made($door->{secret});
	return $answer;
};
door 'made: rotated by a tick', stored => 0, silent => 1, sub {
	must(q{SELECT secrets.generate({n}), secrets.schedule_rotation({n}, '1 day')});
	make_due($hunt->{helper}, $door->{secret});
	my $answer = ask('CALL secrets.tick()');
	remember_made($door->{secret});
	return $answer;
};
door 'made: taken back', stored => 0, silent => 1, sub {
	must('BEGIN');
	must('SELECT secrets.generate({n})');
	$hunt->remember($door, must('SELECT secrets.get({n})'));
	my $answer = ask('ROLLBACK');
	return $answer;
};

# ---- ways out ----

sub out { my ($name, @rest) = @_; my $sql = pop @rest; return door "read: $name", silent => 1, @rest, sub { bound('SELECT secrets.put($1, $2)'); return ask($sql) } }

out 'get', 'SELECT secrets.get({n}), secrets.try_get({n}), secrets.get_bytes({n})';
out 'get into a variable', q{DO $do$ DECLARE v text := secrets.get({n}); BEGIN PERFORM length(v); EXECUTE 'SELECT length($1)' USING v; END $do$};
out 'get, put into SQL', q{DO $do$ BEGIN EXECUTE format('SELECT length(%L)', secrets.get({n})); END $do$};
out 'get_all, sorted', q{SELECT * FROM secrets.get_all({n}) ORDER BY value};
out 'get_many', 'SELECT * FROM secrets.get_many(ARRAY[{n}])';
out 'EXPLAIN ANALYZE of get', 'EXPLAIN (ANALYZE, VERBOSE) SELECT secrets.get({n})';
out 'rename', q{SELECT secrets.rename({n}, {n} || '/new'), secrets.rename({n} || '/new', {n})};
out 'rollback', 'SELECT secrets.rollback({n}, 1)';
out 'get, and no number', state => '22P02', 'SELECT secrets.get({n})::int';
out 'get, and no JSON', state => '22P02', 'SELECT secrets.get({n})::json';
out 'get, and no JSON path', state => '42601', 'SELECT secrets.get({n})::jsonpath';
out 'get, and no search for text', state => '42601', 'SELECT secrets.get({n})::tsquery';
out 'get, and no array', state => '22P02', 'SELECT secrets.get({n})::int[]';
out 'get, and no setting', state => '22023', q{SELECT set_config('work_mem', secrets.get({n}), true)};
out 'get, run as SQL', state => '42601', q{DO $do$ BEGIN EXECUTE secrets.get({n}); END $do$};
out 'get, and no such table', state => '42P01', plain => 1, 'SELECT secrets.get({n})::regclass';
out 'get, raised', state => 'P0001', q{DO $do$ DECLARE v text := secrets.get({n}); BEGIN RAISE LOG 'this is %', v; RAISE EXCEPTION 'boom %', v; END $do$};
out 'get, raised in hex', state => 'P0001', q{DO $do$ BEGIN RAISE EXCEPTION 'boom %', secrets.get_bytes({n}); END $do$};
out 'get, in a setting', q{SELECT length(set_config('app.password', secrets.get({n}), true))};
door 'unknown: sent to another server', main => 1, silent => 1, sub {
	bound('SELECT secrets.put($1, $2)');
	return ask(q{SELECT * FROM dblink('dbname=postgres host=' || current_setting('unix_socket_directories') || ' port=' || current_setting('port'), format('SELECT length(%L)', secrets.get({n}))) t(n int)});
};
door 'read: in a cursor that is held', silent => 1, sub {
	bound('SELECT secrets.put($1, $2)');
	must('BEGIN');
	must('DECLARE c_read CURSOR WITH HOLD FOR SELECT * FROM secrets.get_all({n})');
	my $answer = ask('COMMIT');
	see();
	must('CLOSE c_read');
	return $answer;
};
door 'read: in a view, explained by others', silent => 1, main => 1, sub {
	bound('SELECT secrets.put($1, $2)');
	must('CREATE VIEW app.shows AS SELECT secrets.get({n}) AS v');
	must('CREATE FUNCTION app.shows_too() RETURNS text LANGUAGE sql AS $$ SELECT secrets.get({n}) $$');
	must('GRANT SELECT ON app.shows TO stranger');
	my $stranger = connect_to($node, user => 'stranger');
	$hunt->keep('EXPLAIN by somebody else', $_->value('EXPLAIN (VERBOSE) SELECT * FROM app.shows') . $_->value('EXPLAIN (VERBOSE) SELECT app.shows_too()')) foreach $stranger, $hunt->{helper};
	$hunt->keep('EXPLAIN by somebody else', helper('EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM app.shows'));
	return ask('SELECT 1');
};

# ---- ways in: literals ----

literal 'put', 'SELECT secrets.put({n}, {v})';
literal 'plain', 'SELECT secrets.put({n}, {v})', plain => 1;
literal 'named arguments', 'SELECT secrets.put(value => {v}, name => {n})';
literal 'named arguments, as they were', 'SELECT secrets.put(value := {v}, name := {n})';
literal 'with all that goes with it', q{SELECT secrets.put({n}, {v}, 'description', '{"a": "b"}', '2101-01-01', NULL, '{"content_type": "text/plain"}')};
literal 'E string', 'SELECT secrets.put({n}, {e})';
literal 'E string in hex', 'SELECT secrets.put({n}, {ex})';
literal 'E string in octal', 'SELECT secrets.put({n}, {eo})';
literal 'E string in Unicode', 'SELECT secrets.put({n}, {eu})';
literal 'U& string', 'SELECT secrets.put({n}, {u})';
literal 'U& string, other escape', 'SELECT secrets.put({n}, {ue})';
literal 'dollar quotes', 'SELECT secrets.put({n}, $q${raw}$q$)';
literal 'N string', 'SELECT secrets.put({n}, N{v})';
literal 'in two pieces', qq{SELECT secrets.put({n}, '{h} '\n\t' {t}')};
door 'literal: where a backslash escapes', sub {
	must('SET standard_conforming_strings = off');
	my $answer = ask(q{SELECT secrets.put({n}, '{h} \' {t}')});
	must('RESET standard_conforming_strings');
	return $answer;
};
door 'literal: by a client in LATIN1', sub {
	my $other = connect_to($node, client_encoding => 'LATIN1');
	return $other->ask(encode('iso-8859-1', decode_utf8(fill('SELECT secrets.put({n}, {v})'))));
};
literal 'put together', q{SELECT secrets.put({n}, '{h}' || '-' || '{t}')};
literal 'by format()', q{SELECT secrets.put({n}, format('%s-%s', '{h}', '{t}'))};
literal 'cast', 'SELECT secrets.put({n}, CAST({v} AS text))';
literal 'type before', 'SELECT secrets.put({n}, text {v})';
door 'literal: a number', stored => 0, sub {
	$door->{number} = join '', map { 1 + ord(substr(new_key(), 0, 1)) % 9 } 1 .. 24;
	$hunt->remember($door, $door->{number});
	return ask('SELECT secrets.put({n}, {number}::text)');
};
literal 'bytes in hex', q{SELECT secrets.put_bytes({n}, '\x{hex}')};
literal 'bytes decoded', q{SELECT secrets.put_bytes({n}, decode('{base64}', 'base64'))};
literal 'bytes decoded from hex', q{SELECT secrets.put_bytes({n}, decode('{hex}', 'hex'))};
literal 'bytes converted', q{SELECT secrets.put_bytes({n}, convert_to({v}, 'UTF8'))};
literal 'jsonb', 'SELECT secrets.put({n}, {j}::jsonb)', holds => 'k';
literal 'jsonb, type before', 'SELECT secrets.put({n}, jsonb {j})', holds => 'k';
literal 'jsonb built', q{SELECT secrets.put({n}, jsonb_build_object('k', {v}))}, holds => 'k';
literal 'patch', q{SELECT secrets.put({n}, '{"a": 1}'); SELECT secrets.patch({n}, {j})}, holds => 'k';
literal 'patch by jsonb', q{SELECT secrets.put({n}, '{"a": 1}'); SELECT secrets.patch({n}, {j}::jsonb)}, holds => 'k';
literal 'in comments too', qq{/* it is {h} */ SELECT secrets.put({n}, {v}) -- {t}\n/* {t} */};
literal 'in FROM', 'SELECT * FROM secrets.put({n}, {v})';
literal 'CTE', 'WITH v(x) AS (SELECT {v}::text) SELECT secrets.put({n}, x) FROM v';
literal 'CTE, materialized', 'WITH v(x) AS MATERIALIZED (SELECT {v}::text) SELECT secrets.put({n}, x) FROM v ORDER BY x';
literal 'VALUES', 'SELECT secrets.put(n, x) FROM (VALUES ({n}, {v})) v(n, x)';
literal 'subquery', 'SELECT secrets.put({n}, (SELECT x FROM (SELECT {v} AS x) s))';
literal 'lateral', 'SELECT p FROM (SELECT {v} AS x) s, LATERAL secrets.put({n}, s.x) p';
literal 'CASE', q{SELECT CASE WHEN true THEN secrets.put({n}, {v}) END};
literal 'array', 'SELECT secrets.put({n}, (ARRAY[{v}])[1])';
literal 'array, as text', q{SELECT secrets.put({n}, ('{{h}-{t}}'::text[])[1])};
literal 'RETURNING', 'INSERT INTO app.watched VALUES (1) RETURNING secrets.put({n}, {v})';
literal 'MERGE', 'MERGE INTO app.watched w USING (SELECT secrets.put({n}, {v}) AS v) s ON false WHEN NOT MATCHED THEN INSERT VALUES (s.v)', main => 1, server => 15;
literal 'into a table with a trigger that asks', 'INSERT INTO app.watched SELECT secrets.put({n}, {v})';
literal 'a function that asks', 'SELECT secrets.put({n}, {v}), app.asks()';

literal "spelt $_", "SELECT $_({n}, {v})" foreach 'secrets.PUT', 'SECRETS.Put', 'secrets."put"', '"secrets"."put"', 'secrets.U&"\0070ut"', 'secrets.U&"p!0075t" UESCAPE \'!\'', 'secrets.put /**/ ', "secrets.put -- (\n",
  'secrets . put', "secrets\n.\nput\n", 'secrets./* nested /* comments */ */put', 'postgres.secrets.put';
literal 'by search_path', 'BEGIN; SET LOCAL search_path = secrets; SELECT put({n}, {v}); COMMIT';

literal 'INSERT into the inbox', 'INSERT INTO secrets.inbox (name, value) VALUES ({n}, {v})';
literal 'INSERT into the inbox, other order', 'INSERT INTO secrets.inbox (value, name) VALUES ({v}, {n})';
literal 'INSERT into the inbox, rows', q{INSERT INTO secrets.inbox (name, value) VALUES ('x', 'y'), ({n}, {v}), ('z', 'y')};
literal 'INSERT into the inbox, SELECT', q{INSERT INTO "secrets"."inbox" SELECT {n}, {v}};
literal 'INSERT into the inbox by search_path', 'BEGIN; SET LOCAL search_path = secrets; INSERT INTO inbox (name, value) VALUES ({n}, {v}); COMMIT';
door 'literal: INSERT into the inbox, search_path set before', sub {
	must('SET search_path = secrets');
	my $answer = ask('INSERT INTO inbox (name, value) VALUES ({n}, {v})');
	must('RESET search_path');
	return $answer;
};
literal 'COPY from a program', q{COPY secrets.inbox (name, value) FROM PROGRAM 'printf "%s\t%s\n" {s} {h}-{t}'};
literal 'COPY of the version', 'COPY (SELECT secrets.put({n}, {v})) TO STDOUT';

door 'literal: in Parse', sub { return bound('SELECT secrets.put({n}, {v})', values => []) };
door 'literal: in Parse, named', sub { return bound('SELECT secrets.put({n}, {v})', values => [], name => 'with a literal') };
door 'literal: in Parse, beside a parameter', sub { return bound('SELECT secrets.put($1, {v})', values => [ $door->{secret} ]) };
literal 'PREPARE', 'PREPARE p_literal AS SELECT secrets.put({n}, {v}); EXECUTE p_literal';
literal 'EXECUTE p(...)', 'EXECUTE p_execute({n}, {v})';
literal 'EXECUTE, comments between', "EXECUTE/* one (\n*/ P_Execute -- another (\n({n}, {v})";
door 'literal: EXECUTE, a quoted name', sub { must('PREPARE "P Quoted" AS SELECT secrets.put($1, $2)'); return ask('EXECUTE "P Quoted" ({n}, {v})'); };
door 'literal: EXECUTE of what came by the protocol', sub {
	bound('SELECT secrets.put($1, $2)', name => 'by_protocol', oids => [ 25, 25 ], values => [ $door->{secret}, 'first' ]);
	return ask('EXECUTE by_protocol({n}, {v})');
};
literal 'EXPLAIN EXECUTE', 'EXPLAIN (VERBOSE) EXECUTE p_execute({n}, {v})', stored => 0;
literal 'EXPLAIN ANALYZE EXECUTE', 'EXPLAIN (ANALYZE, VERBOSE) EXECUTE p_execute({n}, {v})';
literal 'CREATE TABLE AS EXECUTE', 'CREATE TABLE app.ctas_execute AS EXECUTE p_execute({n}, {v})';
door 'literal: EXECUTE, forgotten meanwhile by statistics', module => 'pg_stat_statements', main => 1, sub {
	must('PREPARE p_forgotten AS SELECT secrets.put({n}, {v})');
	see_statistics();
	must('SELECT pg_stat_statements_reset()');
	return ask('EXECUTE p_forgotten');
};
literal 'DO', 'DO $do$ BEGIN PERFORM secrets.put({n}, {v}); END $do$';
literal 'DO, language first', 'DO LANGUAGE plpgsql $do$ DECLARE v text := {v}; BEGIN PERFORM secrets.put({n}, v); END $do$';
door 'literal: DO, body in quotes', sub { return ask('DO ' . quote(fill('BEGIN PERFORM secrets.put({n}, {v}); END'))) };
door 'literal: DO, EXECUTE of a text', sub { return ask('DO $do$ BEGIN EXECUTE ' . quote(fill('SELECT secrets.put({n}, {v})')) . '; END $do$') };
literal 'DO, quotes in quotes', 'DO $do$ BEGIN PERFORM secrets.put({n}, $q${raw}$q$); END $do$';
door 'literal: DO of 200 kB', sub { return ask('DO $do$ BEGIN ' . 'PERFORM 1; ' x 10 . '/*' . 'x' x 200000 . '*/ PERFORM secrets.put({n}, {v}); END $do$') };
literal 'DO that catches what fails', q{DO $do$ BEGIN BEGIN PERFORM secrets.put({n}, {v}), 1 / 0; EXCEPTION WHEN division_by_zero THEN RAISE LOG 'caught %', SQLERRM; PERFORM secrets.put({n}, {v}); END; END $do$};
literal 'DO that tells what it does', q{DO $do$ DECLARE sql text := format('SELECT secrets.put(%L, %L), 1 / 0', {n}, {v}); context text;
	BEGIN RAISE LOG 'now %', sql; EXECUTE sql; EXCEPTION WHEN division_by_zero THEN GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT; RAISE LOG 'at %', context; END $do$}, stored => 0;
literal "a wrapper, $_", "SELECT app.$_({n}, {v})" foreach qw(keep_static keep_using keep_quoted keep_sql keep_atomic shout tells);
literal 'CALL', 'CALL app.keep_call({n}, {v})';
literal 'CALL that commits', 'CALL app.keep_commit({n}, {v})';
literal 'a trigger that moves it into the store', 'INSERT INTO app.moving VALUES ({n}, {v})';
literal 'CTAS of the version', 'CREATE TABLE app.ctas AS SELECT secrets.put({n}, {v}) AS version';
literal 'SELECT INTO', 'SELECT secrets.put({n}, {v}) AS version INTO app.into';
literal 'EXPLAIN', 'EXPLAIN (VERBOSE) SELECT secrets.put({n}, {v})', stored => 0;
literal 'EXPLAIN ANALYZE', 'EXPLAIN (ANALYZE, VERBOSE) SELECT secrets.put({n}, {v})';
foreach my $hold ('WITHOUT', 'WITH')
{
	door "literal: cursor $hold HOLD", sub {
		must('BEGIN');
		my $answer = ask("DECLARE c_literal CURSOR $hold HOLD FOR SELECT secrets.put({n}, {v})");
		must('FETCH ALL FROM c_literal') if $hold eq 'WITHOUT';
		see();
		must('COMMIT');
		must('CLOSE c_literal') if $hold eq 'WITH';
		return $answer;
	};
}
literal 'many statements', q{SELECT 'first'; SELECT secrets.put({n}, {v}); SELECT 'last'};
literal 'many statements, DECLARE after it', 'BEGIN; SELECT secrets.put({n}, {v}); DECLARE c_many CURSOR FOR SELECT 1; FETCH c_many; COMMIT';
literal 'many statements, DDL after it', 'SELECT secrets.put({n}, {v}); CREATE TABLE app.after_it (i int); DROP TABLE app.after_it';
door 'literal: psql, by a variable', sub { return by_psql("SELECT secrets.put({n}, :'v')", '-v', "v=$door->{value}") };
door 'literal: pgbench -M simple', plain => 1, sub { return by_pgbench("SELECT secrets.put('$door->{secret}', ':v')" =~ s/':v'/:v/r, 'simple', v => "'$door->{value}'") };
door 'literal: over a replication connection', main => 1, sub {
	my $sender = connect_to($node, replication => 'database');
	my $answer = $sender->ask(fill('SELECT secrets.put({n}, {v})'));

	see($sender);
	return $answer;
};
door 'literal: over dblink', main => 1, sub { return ask('SELECT * FROM dblink(' . quote($node->connstr('postgres')) . ', ' . quote(fill('SELECT secrets.put({n}, {v})')) . ') t(v bigint)') };
literal 'over postgres_fdw', 'INSERT INTO app.far_inbox VALUES ({n}, {v})', main => 1;
foreach my $format (qw(text xml json yaml))
{
	door "literal: explained in $format", module => 'auto_explain', main => 1, sub {
		must("SET auto_explain.log_format = $format");
		my $answer = ask('SELECT secrets.put({n}, {v}) FROM app.some');
		must('RESET auto_explain.log_format');
		return $answer;
	};
	door "bind: explained in $format", module => 'auto_explain', main => 1, sub {
		must("SET auto_explain.log_format = $format");
		my $answer = bound('SELECT secrets.put($1, $2) FROM app.some');
		must('RESET auto_explain.log_format');
		return $answer;
	};
}

# ---- the same, while it runs ----

sub live
{
	my ($name, $sql, @options) = @_;

	return door "literal: while it runs, $name", state => '57014', stored => 0, @options, sub {
		my $other = connect_to($node);

		$other->send(fill($sql));
		my $answer = seen_waiting($other);
		see($other);
		$other->close;
		return $answer;
	};
}

live 'SELECT', 'SELECT secrets.put({n}, {v}), pg_sleep(60)';
live 'DO', 'DO $do$ BEGIN PERFORM secrets.put({n}, {v}); PERFORM pg_sleep(60); END $do$';
live 'EXECUTE', 'PREPARE p_live AS SELECT secrets.put($1, $2), pg_sleep(60); EXECUTE p_live({n}, {v})';
live 'EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT secrets.put({n}, {v}), pg_sleep(60)';
live 'FETCH', 'BEGIN; DECLARE c_live CURSOR FOR SELECT secrets.put({n}, {v}), pg_sleep(60); FETCH c_live';
live 'CTAS', 'CREATE TABLE app.live AS SELECT secrets.put({n}, {v}), pg_sleep(60) IS NULL AS slept';
live 'COPY', 'COPY (SELECT secrets.put({n}, {v}), pg_sleep(60)) TO STDOUT';
live 'a statement after it', 'SELECT secrets.put({n}, {v}); SELECT pg_sleep(60)';
live 'a statement before it', 'SELECT pg_sleep(60); SELECT secrets.put({n}, {v})';
live 'a wrapper', 'SELECT app.keep_quoted({n}, {v}), pg_sleep(60)';
door 'literal: while it runs, in Parse', state => '57014', stored => 0, sub {
	my $other = connect_to($node);

	$other->write(LeakTest::Client::call(fill('SELECT secrets.put({n}, {v}), pg_sleep(60)'), [], name => 'live') . LeakTest::Client::sync());
	my $answer = seen_waiting($other);
	see($other);
	return $answer;
};
# It cannot be understood as long as somebody holds the table; and once a line of it is logged, it is masked.
sub not_understood
{
	my ($name, $user, $until) = @_;

	return door "literal: $name", state => '57014', stored => 0, main => 1, sub {
		my ($other, $holder) = (connect_to($node, user => $user), connect_to($node));

		$holder->value('BEGIN');
		$holder->value('LOCK TABLE app.locked');
		$other->value('SET log_lock_waits = off') if !$until;
		$other->send(fill('SELECT secrets.put({n}, {v}) FROM app.locked'));
		wait_for(sub { logged() =~ /\[$other->{pid}\].* $until, /s }, 'the line that it waits') if $until;
		my $answer = seen_waiting($other, 'relation');
		see($other);
		$holder->close;
		return $answer;
	};
}

not_understood('not understood yet, and logged', 'postgres', 'ProcSleep');
not_understood('not understood yet', 'helper', '');
door 'literal: in a parallel worker', state => '22012', stored => 0, main => 1, sub {
	must('SET ' . ($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . ' = on');
	my $answer = ask('SELECT secrets.put({n}, {v}); SELECT count(*) FROM app.some WHERE 1 / (i - i) > 0');
	must('RESET ' . ($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode'));
	return $answer;
};
door 'literal: seen in a parallel worker', state => '57014', stored => 0, main => 1, sub {
	my $other = connect_to($node);

	$other->value('SET ' . ($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . ' = on');
	$other->send(fill('SELECT secrets.put({n}, {v}); SELECT pg_sleep(60 * i) FROM app.some'));
	wait_for(sub { helper("SELECT count(*) FROM pg_stat_activity WHERE leader_pid = $other->{pid} AND wait_event = 'PgSleep'") }, 'a worker that waits');
	see_activity('pg_stat_activity, meanwhile');
	helper("SELECT pg_cancel_backend($other->{pid})");
	return $other->answer;
};

# ---- the same, where it fails ----

# In a message of its own, that is all that is done.
sub failing_in_parse { my ($name, $state, $sql) = @_; return door "literal: fails in Parse: $name", state => $state, stored => 0, sub { return bound($sql, values => []) } }
sub failing { my ($name, $state, $sql, @options) = @_; return literal "fails: $name", $sql, state => $state, stored => 0, @options; }

failing 'no parenthesis', '42601', 'SELECT secrets.put({n}, {v}';
failing 'misspelt keyword', '42601', 'SELEC secrets.put({n}, {v})';
failing 'no comma', '42601', 'SELECT secrets.put({n} {v})';
failing_in_parse 'no comma', '42601', 'SELECT secrets.put({n} {v})';
failing_in_parse 'misspelt function', '42883', 'SELECT secrets.putt({n}, {v})';
failing_in_parse 'no date', '22007', 'SELECT secrets.put({n}, {v}, expires_at => {v})';
failing_in_parse 'no such column', '42703', 'SELECT secrets.put({n}, {v}), nothing FROM app.some';
failing 'no quote at the end', '42601', q{SELECT secrets.put({n}, '{h}-{t}};
failing 'no quote at all', '42703', 'SELECT secrets.put({n}, {h}{t})', plain => 1;
failing 'no quotes, and no name', '42601', 'SELECT secrets.put({n}, 9{h} {t})', plain => 1;
failing 'quotes of names', '42703', 'SELECT secrets.put({n}, "{h}{t}")', plain => 1;
failing 'a quote too many', '42601', q{SELECT secrets.put({n}, '{h}'{t}')}, plain => 1;
failing 'no dollar quote at the end', '42601', 'SELECT secrets.put({n}, $q${raw}$q)';
failing 'nested comment without end', '42601', 'SELECT secrets.put({n}, {v}) /* /* {h} */';
failing 'bad escape', '22025', q{SELECT secrets.put({n}, E'{h}\u00zz{t}')};
failing 'bad Unicode escape', '42601', q{SELECT secrets.put({n}, U&'{h}\zzzz{t}')};
failing 'misspelt function', '42883', 'SELECT secrets.putt({n}, {v})';
failing 'misspelt function, bytes', '42883', 'SELECT secrets.put_byte({n}, {v})';
failing 'no such argument', '42883', 'SELECT secrets.put({n}, {v}, nothing => 1)';
failing 'too many arguments', '42883', 'SELECT secrets.put({n}, {v}, 1, 2, 3, 4, 5, 6, 7)';
failing 'no number', '22P02', 'SELECT secrets.put({n}, {v}::int::text)';
failing 'no date', '22007', 'SELECT secrets.put({n}, {v}, expires_at => {v})';
failing 'no JSON', '22P02', q{SELECT secrets.put({n}, '{"k": {h}} {t}'::jsonb)};
failing 'no such column', '42703', 'SELECT secrets.put({n}, {v}), nothing FROM app.some';
failing 'division by zero after it', '22012', 'SELECT 1 / (secrets.put({n}, {v}) - 1)';
failing 'a row that violates a constraint', '23514', 'INSERT INTO app.strict (v) SELECT {v} FROM secrets.put({n}, {v})';
failing 'the same key twice', '23505', 'INSERT INTO app.once SELECT {v} FROM generate_series(1, 2), secrets.put({n}, {v})';
failing 'a wrapper that raises it', 'P0001', 'SELECT app.boom({n}, {v})';
failing 'a wrapper that quotes it', '22012', 'SELECT app.boom_sql({n}, {v})';
failing 'many statements, another fails', '22012', 'SELECT secrets.put({n}, {v}); SELECT 1 / 0';
failing 'too large', '54000', "SELECT secrets.put({n}, repeat({v}, 1) || '" . 'x' x 20000 . "{t}')";
failing 'EXECUTE of nothing', '26000', 'EXECUTE p_nothing({n}, {v})';
failing 'inside DO', '42601', 'DO $do$ BEGIN PERFORM secrets.put({n}, {v}; END $do$';
failing 'COPY from a program that fails', '38000', q{COPY secrets.inbox (name, value) FROM PROGRAM 'printf "%s\t%s\n" {s} {h}-{t}; exit 1'};
failing 'inside EXECUTE', '22012', q{DO $do$ BEGIN EXECUTE 'SELECT 1 / 0, secrets.put($1, ''{h}-{t}'')' USING {n}; END $do$};
failing 'inbox, bad name', '22023', q{INSERT INTO secrets.inbox (name, value) VALUES ('no name!', {v})};
failing 'inbox, no such column', '42703', 'INSERT INTO secrets.inbox (name, valu) VALUES ({n}, {v})';
door 'literal: fails: in a transaction that has failed', state => '25P02', stored => 0, sub {
	must('BEGIN');
	ask('SELECT 1 / 0');
	my $answer = ask('SELECT secrets.put({n}, {v})');
	see();
	must('ROLLBACK');
	return $answer;
};
door 'literal: fails: lock_timeout', state => '55P03', stored => 0, sub {
	my $holder = connect_to($node);

	$holder->value('BEGIN');
	$holder->value(fill(q{SELECT secrets.put({n}, 'first')}));
	must(q{SET lock_timeout = '300ms'});
	my $answer = ask('SELECT secrets.put({n}, {v})');
	must('RESET lock_timeout');
	$holder->close;
	return $answer;
};
door 'literal: fails: deadlock', state => '40P01', stored => 0, sub { return deadlock(sub { my ($one, $name) = @_; $one->send("SELECT secrets.put('$name', " . fill('{v}') . ')') }) };
door 'literal: fails: serialization', state => '40001', stored => 0, sub { return serialization_failure(sub { return ask('WITH p AS (SELECT secrets.put({n}, {v}) AS v) UPDATE app.counter SET n = p.v FROM p') }) };
door 'literal: longer than what is shown of it', sub { return ask("SELECT '" . 'x' x 980 . "' AS before, secrets.put({n}, {v} || ' {h} {t} {h} {t} {h} {t}'), '" . 'x' x 3000 . "' AS after") };
door 'literal: a statement of 2 MB', stored => 0, state => '54000', sub {
	must("SET $_ = off") foreach qw(debug_print_parse debug_print_rewritten debug_print_plan);
	my $answer = ask("SELECT secrets.put({n}, {v} || '" . "{h} {t}\n" x 80000 . "')");
	must("RESET $_") foreach qw(debug_print_parse debug_print_rewritten debug_print_plan);
	return $answer;
};

door 'literal: fails: over dblink', main => 1, state => '42883', stored => 0, sub { return ask('SELECT * FROM dblink(' . quote($node->connstr('postgres')) . ', ' . quote(fill('SELECT secrets.putt({n}, {v})')) . ') t(v bigint)') };
door 'bind: fails: over postgres_fdw', main => 1, state => '54000', stored => 0, sub { return bound('INSERT INTO app.far_inbox VALUES ($1, $2)', values => [ $door->{secret}, $door->{value} x 800 ]) };

# ---- passwords of roles and connections ----

literal 'CREATE ROLE', 'CREATE ROLE with_password LOGIN PASSWORD {v}', stored => 0;
literal 'ALTER ROLE', 'ALTER ROLE with_password PASSWORD {v}', stored => 0;
literal 'ALTER USER, E string', 'ALTER USER with_password WITH ENCRYPTED PASSWORD {e} CONNECTION LIMIT 7', stored => 0;
literal 'ALTER ROLE, dollar quotes', 'ALTER ROLE with_password WITH PASSWORD $q${raw}$q$', stored => 0;
literal 'ALTER ROLE in DO', q{DO $do$ BEGIN EXECUTE format('ALTER ROLE with_password PASSWORD %L', '{h}-{t}'); END $do$}, stored => 0;
literal 'ALTER ROLE in DO, put together', q{DO $do$ BEGIN EXECUTE 'ALTER ROLE with_password PASSWORD ' || quote_literal('{h}-{t}'); END $do$}, stored => 0;
failing 'dblink', '08001', q{SELECT dblink_connect('c', 'host=/nowhere user=x password={h}{t} port=1')};
failing 'dblink, password in quotes', '08001', q{SELECT dblink_connect('c', 'host=/nowhere user=x password=''{h} {t}'' port=1')};
failing 'dblink, as URI', '08001', q{SELECT dblink_connect('c', 'postgresql://x:{h}{t}@127.0.0.1:1/x')};
failing 'ALTER ROLE of nobody', '42704', 'ALTER ROLE nobody_there PASSWORD {v}';
failing 'ALTER ROLE, syntax', '42601', 'ALTER ROLE with_password PASSWORD {v} NOTHING';

# ---- where memory runs out, or is told of ----

# A limit of its own, a little above what the session has.
sub short_of_memory
{
	my ($who) = @_;
	my $limit = numbers($who->{pid})->{VmSize} * 1024 + 64 * 1024 * 1024;

	IPC::Run::run([ 'prlimit', '--pid', $who->{pid}, "--as=$limit" ], '<', \undef) or die 'prlimit';
	return;
}

door 'literal: the client goes meanwhile', main => 1, stored => 0, sub {
	my $other = connect_to($node);

	$other->send(fill(q{SELECT secrets.put({n}, {v}), repeat('x', 30000000)}));
	$other->close;
	wait_for(sub { logged() =~ /\[$other->{pid}\].* internal_flush\w*, /s }, 'the line that it is gone');
	return '';
};
door 'literal: where memory runs out', main => 1, state => '53200', stored => 0, sub {
	my $other = connect_to($node);

	$other->value(fill('PREPARE p_memory AS SELECT secrets.put({n}, {v})'));
	$other->bound(fill('SELECT secrets.put({n}, {v})'), [], name => 'memory');
	short_of_memory($other);
	my $answer = $other->ask(q{SELECT repeat('x', 400000000)});
	see($other);
	return $answer;
};
door 'literal: where memory runs out, in the statement itself', main => 1, state => '53200', stored => 0, sub {
	my $other = connect_to($node);

	short_of_memory($other);
	return $other->ask(fill(q{SELECT secrets.put({n}, {v}), repeat('x', 400000000)}));
};
door 'bind: where memory runs out', main => 1, state => '53200', stored => 0, sub {
	my $other = connect_to($node);

	short_of_memory($other);
	return $other->bound(q{SELECT secrets.put($1, $2), repeat('x', 400000000)}, [ $door->{secret}, $door->{value} ]);
};
door 'literal: memory told of in the log', main => 1, stored => 0, sub {
	my $other = connect_to($node);

	$other->value(fill('PREPARE p_told AS SELECT secrets.put({n}, {v})'));
	$other->bound(fill('SELECT secrets.put({n}, {v})'), [], name => 'told');
	helper("SELECT pg_log_backend_memory_contexts($other->{pid})");
	wait_for(sub { logged() =~ /\[$other->{pid}\].*ProcessLogMemoryContextInterrupt.*Grand total/s }, 'the lines about memory');
	see($other);
	return '';
};

# ---- what stays for the search through the files ----

door 'bind: in a prepared transaction', main => 1, stored => 0, sub {
	must('BEGIN');
	bound('SELECT secrets.put($1, $2)');
	$hunt->{prepared} = $door;
	return ask(q{PREPARE TRANSACTION 'two'});
};
door 'read: in a cursor that is spilled', main => 1, sub {
	my $other = $hunt->{spilled} = connect_to($node);

	bound('SELECT secrets.put($1, $2)');
	$other->value(q{SET work_mem = '64kB'});
	return $other->ask(fill('BEGIN; DECLARE c_spilled CURSOR WITH HOLD FOR SELECT secrets.get({n}) FROM generate_series(1, 3000); COMMIT'));
};

# ---- a value that somebody stores himself, and one that nothing tells of ----

door 'stored: in a table, and from there', silent => 1, sub {
	$client->copy_in('COPY app.staging FROM STDIN', "$door->{secret}\t" . copied($door->{value}) . "\n");
	return ask('SELECT app.unlisted(n, v) FROM app.staging WHERE n = {n}');
};
statement 'stored: in a user mapping', 'CREATE USER MAPPING FOR stranger SERVER far OPTIONS (user {n}, password {v})', stored => 0;
statement 'stored: in a subscription', q{CREATE SUBSCRIPTION nothing CONNECTION 'host=127.0.0.1 password={h}{t}' PUBLICATION nothing WITH (connect = false)}, stored => 0, main => 1;
statement 'stored: in a function', 'CREATE FUNCTION app.has_it() RETURNS bigint LANGUAGE plpgsql AS $f$ BEGIN RETURN secrets.put({n}, {v}); END $f$; SELECT app.has_it()';
statement 'stored: in a view', 'CREATE VIEW app.shows_it AS SELECT secrets.put({n}, {v}); SELECT * FROM app.shows_it';
statement 'stored: in a default', 'CREATE TABLE app.defaults (v bigint DEFAULT secrets.put({n}, {v})); INSERT INTO app.defaults DEFAULT VALUES';
statement 'unknown: a literal', 'SELECT {v} AS it', stored => 0;
statement 'unknown: a setting', 'SET app.password = {v}', stored => 0;
door 'unknown: a parameter', stored => 0, sub { return bound('SELECT $1::text', values => [ $door->{value} ]) };
door 'unknown: a parameter of a wrapper', sub { return bound('SELECT app.unlisted($1, $2)') };

# ---- trying them ----

sub is_stored
{
	my ($way) = @_;
	my $value = $hunt->{helper}->ask(fill($way->{holds} ? "SELECT secrets.get({n}, '$way->{holds}')" : q{SELECT convert_from(secrets.get_bytes({n}), 'UTF8')}))->{out};

	return index($value, $door->{head}) >= 0 && index($value, $door->{tail}) >= 0;
}

sub try_door
{
	my ($way) = @_;

	$door = $hunt->add_door($way->{name}, plain => $way->{plain});
	my $answer = eval { $way->{code}->() };
	my $state = !defined $answer ? "died: $@" : ref $answer ? $answer->{state} : $answer;
	my $wanted = $way->{state} || '';

	$state = 'not stored' if "$wanted$state" eq '' && !(defined $way->{stored} && !$way->{stored}) && !is_stored($way);
	is($state, $wanted, "$hunt->{name}: $way->{name}: " . ($wanted || 'done')) or diag(ref $answer ? $answer->{err} : '');
	$client->ask('ROLLBACK') if !defined $answer && !$client->is_lost;
	see();
	return;
}

# What is refused has been read all the same.
sub try_rejected
{
	my %try = (stored => 0, state => '22023');

	configure($node, "secrets.literals = reject\n", 'reload');
	wait_for(sub { must('SHOW secrets.literals') eq 'reject' }, 'reload');
	try_door({ %try, name => 'literal: rejected', code => sub { return ask('SELECT secrets.put({n}, {v})') } });
	try_door({ %try, name => 'literal: rejected, in Parse', code => sub { return bound('SELECT secrets.put({n}, {v})', values => []) } });
	try_door({ %try, name => 'literal: rejected, in the inbox', code => sub { return ask('INSERT INTO secrets.inbox (name, value) VALUES ({n}, {v})') } });
	try_door({ %try, name => 'literal: rejected, in EXECUTE', code => sub { return ask('EXECUTE p_execute({n}, {v})') } });
	configure($node, "secrets.literals = allow\n", 'reload');
	wait_for(sub { must('SHOW secrets.literals') eq 'allow' }, 'reload');
	return;
}

sub may_try
{
	my ($way) = @_;

	return is_here($node, $way) && !($hunt->{small} && ($way->{main} || $way->{silent}));
}

sub try_doors
{
	must('PREPARE p_execute AS SELECT secrets.put($1, $2)');
	try_door($_) foreach grep { may_try($_) } @doors;
	return;
}

# ---- jobs of pg_cron ----

# What became of them is looked at in the end.
sub job
{
	my ($name, $sql) = @_;

	try_door({ name => $name, stored => 0, code => sub {
		push @{ $hunt->{jobs} }, $door;
		return ask('SELECT cron.schedule({n}, ' . quote(job_schedule()) . ', $job$' . $sql . '$job$)');
	} });
	return;
}

# Some have it in seconds.
sub job_schedule { return helper(q{SELECT extversion ~ '^1\.[5-9]' FROM pg_extension WHERE extname = 'pg_cron'}) eq 't' ? '10 seconds' : '* * * * *'; }

sub try_jobs
{
	return unless $has{pg_cron};
	job('made: by a job of pg_cron', 'SELECT secrets.generate({n})');
	job('stored: in a job of pg_cron', 'SELECT secrets.put({n}, {v})');
	return;
}

1;
