# Values that passed through the extension are in no line of the log that the same process
# writes, whatever statement it belongs to: told by functions and statements that are named
# nowhere, by the server's own words about them, and in whatever encoding.  With
# secrets.redact_logs off each of these ways leaves its value in every log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use LeakTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
my $has_explain = -e "$libraries/auto_explain.so";

# While the values are put there and the functions made, nothing is logged.
my $quiet = <<'CONF';
logging_collector = on
log_rotation_size = 0
log_min_messages = panic
log_min_error_statement = panic
log_statement = none
log_duration = off
log_min_duration_statement = -1
max_worker_processes = 20
CONF

my $loud = <<'CONF';
log_min_messages = debug1
log_min_error_statement = debug1
log_error_verbosity = verbose
log_statement = all
log_duration = on
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
CONF

# What applications have: none of these names is known to the extension.
my $functions = <<'SQL';
CREATE TABLE checked (id int, word text CHECK (word = ''));
CREATE TABLE never (id int NOT NULL, word text);
CREATE TABLE once (word text PRIMARY KEY);
CREATE TABLE watched (word text);
CREATE TABLE numbers (n int);
CREATE DOMAIN nothing AS text CONSTRAINT is_empty CHECK (VALUE = '');
CREATE TYPE mood AS ENUM ('glad');
CREATE FUNCTION obtain(n text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.get(n); END $$;
CREATE FUNCTION keep(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put(n, v); END $$;
CREATE FUNCTION keep_slowly(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN secrets.put(n, v); END $$;
CREATE FUNCTION keep_and_use(n text, v text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM keep(n, v);
	RETURN split_part(split_part(v, '@', 1), ':', 3)::int;
END $$;
CREATE FUNCTION try_to_keep(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN secrets.put(n, v);
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('could not keep %s', v);
END $$;
CREATE FUNCTION try_to_keep_json(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN secrets.put(n, jsonb_build_object('username', 'app', 'password', v));
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('could not keep %s', v);
END $$;
CREATE FUNCTION try_to_keep_bytes(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN secrets.put_bytes(n, convert_to(v, 'UTF8'));
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('could not keep %s', v);
END $$;
CREATE FUNCTION try_to_change(n text, v text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN secrets.patch(n, v);
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('could not change %s', v);
END $$;
CREATE FUNCTION try_to_insert(n text, v text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO secrets.inbox (name, value) VALUES (n, v);
EXCEPTION WHEN OTHERS THEN
	RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('could not insert %s', v);
END $$;
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'there is a new %', NEW.word; RETURN NEW; END $$;
CREATE TRIGGER say BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION say();
CREATE TABLE big AS SELECT i FROM generate_series(1, 20000) i;
ANALYZE big;
CREATE FUNCTION strict(v text, i int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	IF i = 100 THEN RAISE LOG 'half way with %', v; END IF;
	IF i = 200 THEN RAISE EXCEPTION 'boom %', v; END IF;
	RETURN i;
END $$;
CREATE PROCEDURE fail(v text) LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'boom %', v; END $$;
CREATE FUNCTION bring(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'step % with %', step, encode(convert_to(candidate, 'UTF8'), 'hex');
	IF step = 'create' THEN RETURN secrets.get(name); END IF;
	IF step = 'set' THEN RAISE EXCEPTION 'not with %', candidate USING DETAIL = 'that is ' || quote_literal(candidate); END IF;
	RETURN NULL;
END $$;
SQL

# ---- ways to tell a value: what, plpgsql with it in v, SQLSTATE ----

my $as_numbers = q{(SELECT string_agg(get_byte(b, i)::text, ' ') FROM convert_to(v, 'UTF8') b, generate_series(0, length(b) - 1) i)};
my $in_percents = q{(SELECT string_agg('%' || lpad(to_hex(get_byte(b, i)), 2, '0'), '') FROM convert_to(v, 'UTF8') b, generate_series(0, length(b) - 1) i)};

my @raised = (
	[ 'RAISE LOG', q{RAISE LOG 'boom %', v;} ],
	[ 'RAISE WARNING', q{RAISE WARNING '%', v;} ],
	[ 'RAISE NOTICE', q{RAISE NOTICE 'a % b % c', v, v;} ],
	[ 'RAISE INFO', q{RAISE INFO '%', v;} ],
	[ 'RAISE DEBUG', q{RAISE DEBUG '%', v;} ],
	[ 'RAISE EXCEPTION', q{RAISE EXCEPTION 'boom %', v;}, 'P0001' ],
	[ 'an exception with a SQLSTATE of its own', q{RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = 'boom ' || v;}, 'ZZ001' ],
	[ 'ASSERT', q{ASSERT false, 'boom ' || v;}, 'P0004' ],
	[ 'DETAIL', q{RAISE LOG 'boom' USING DETAIL = 'it is ' || v || '.';} ],
	[ 'HINT', q{RAISE EXCEPTION 'boom' USING HINT = v;}, 'P0001' ],
	[ 'in capitals', q{RAISE LOG '%', upper(v);} ],
	[ 'in the middle of words', q{RAISE LOG '%', 'word' || v || 'word';} ],
	[ 'as hex', q{RAISE LOG '%', encode(convert_to(v, 'UTF8'), 'hex');} ],
	[ 'as hex in capitals, within more', q{RAISE LOG '%', upper('0a1' || encode(convert_to(v, 'UTF8'), 'hex')) || 'F';} ],
	[ 'as bytea', q{RAISE LOG '%', convert_to('x' || v, 'UTF8');} ],
	[ 'as escaped bytea', q{SET LOCAL bytea_output = 'escape'; RAISE LOG '%', convert_to(v, 'UTF8');} ],
	[ 'as base64', q{RAISE LOG '%', encode(convert_to(v, 'UTF8'), 'base64');} ],
	[ 'as base64, one byte later', q{RAISE LOG '%', encode(convert_to('a' || v, 'UTF8'), 'base64');} ],
	[ 'as base64, two bytes later', q{RAISE LOG '%', encode(convert_to('ab' || v, 'UTF8'), 'base64');} ],
	[ 'as base64 in lines', q{RAISE LOG '%', encode(convert_to(repeat('x', 40) || v, 'UTF8'), 'base64');} ],
	[ 'as base64 in lines in JSON', q{RAISE LOG '%', to_json(encode(convert_to(repeat('x', 40) || v, 'UTF8'), 'base64'));} ],
	[ 'as base64 for URLs', q{RAISE LOG '%', translate(encode(convert_to('user:' || v, 'UTF8'), 'base64'), '+/', '-_');} ],
	[ 'as JSON', q{RAISE LOG '%', to_json(v);} ],
	[ 'as JSON within JSON', q{RAISE LOG '%', jsonb_build_object('a', jsonb_build_array(1, v));} ],
	[ 'as JSON in a literal', q{RAISE LOG '%', quote_literal(json_build_object('a', v)::text);} ],
	[ 'in an array', q{RAISE LOG '%', ARRAY['x', v];} ],
	[ 'in a row', q{RAISE LOG '%', ROW(1, v);} ],
	[ 'in a row in an array', q{RAISE LOG '%', ARRAY[ROW(1, v)];} ],
	[ 'quote_literal', q{RAISE LOG '%', quote_literal(v);} ],
	[ 'quote_ident', q{RAISE LOG '%', quote_ident(v);} ],
	[ 'format', q{RAISE LOG '%', format('%s %I %L', v, v, v);} ],
	[ 'as numbers', "RAISE LOG '%', $as_numbers;" ],
	[ 'percent-encoded', "RAISE LOG '%', $in_percents;" ],
	[ 'cut', q{RAISE LOG '%... and so on for as long as a line is that a value could not be meant by its end', left(v, 20);} ],
	[ 'cut by the end', q{RAISE LOG '%', left(v, 30);} ]);

# What the server says of it by itself.
my @told = (
	[ 'a check constraint', q{INSERT INTO checked VALUES (1, v);}, '23514' ],
	[ 'a domain', q{EXECUTE format('SELECT %L::nothing', v);}, '23514' ],
	[ 'NOT NULL', q{INSERT INTO never VALUES (NULL, v);}, '23502' ],
	[ 'a unique key', q{INSERT INTO once VALUES (v), (v);}, '23505' ],
	[ 'no integer', q{PERFORM v::integer;}, '22P02' ],
	[ 'no number', q{PERFORM v::numeric;}, '22P02' ],
	[ 'no boolean', q{PERFORM v::boolean;}, '22P02' ],
	[ 'no uuid', q{PERFORM v::uuid;}, '22P02' ],
	[ 'no address', q{PERFORM v::inet;}, '22P02' ],
	[ 'no date', q{PERFORM v::date;}, '22007' ],
	[ 'no word of an enum', q{PERFORM v::mood;}, '22P02' ],
	[ 'no array', q{PERFORM v::int[];}, '22P02' ],
	[ 'no JSON', q{PERFORM v::json;}, '22P02' ],
	[ 'no JSON, later', q<PERFORM ('{"a": "b", "c": ' || v)::jsonb;>, '22P02' ],
	[ 'no query for words', q{PERFORM ('(' || v)::tsquery;}, '42601' ],
	[ 'EXECUTE that fails', q{EXECUTE format('SELECT 1 / 0, %L', v);}, '22012' ],
	[ 'EXECUTE that does not parse', q{EXECUTE format('SELEC %L', v);}, '42601' ],
	[ 'EXECUTE of it', q{EXECUTE v;}, '42601' ],
	[ 'EXECUTE with a name', q{EXECUTE format('SELECT 1 FROM %I', v);}, '42P01' ],
	[ 'EXECUTE with a parameter', q{EXECUTE 'SELECT $1::int' USING v;}, '22P02' ],
	[ 'no role', q{EXECUTE format('SET ROLE %I', v);}, '22023' ],
	[ 'no setting', q{PERFORM set_config('work_mem', v, true);}, '22023' ],
	[ 'no time zone', q{PERFORM now() AT TIME ZONE v;}, '22023' ],
	[ 'no file', q{PERFORM pg_read_file(v);}, '58P01' ],
	[ 'a password', q{EXECUTE format('ALTER ROLE nobody_at_all PASSWORD %L', v);}, '42704' ],
	[ 'a notification too long', q{EXECUTE format('NOTIFY c, %L', v || repeat('x', 8000));}, '22023' ],
	[ 'nested deeply', q{EXECUTE format('DO %L', format('BEGIN EXECUTE %L; END', format('SELECT 1 / 0, %L', v)));}, '22012' ],
	[ 'a trigger', q{INSERT INTO watched VALUES (v);} ],
	[ 'a procedure', q{CALL fail(v);}, 'P0001' ],
	[ 're-raised', q{BEGIN PERFORM v::int; EXCEPTION WHEN OTHERS THEN RAISE; END;}, '22P02' ],
	[ 're-raised as another', q{BEGIN PERFORM v::int; EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION 'that was %', SQLERRM; END;}, 'P0001' ],
	[ 'told after a subtransaction that failed', q{BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END; RAISE LOG '%', v;} ]);

# Obtained in a subtransaction, which rolls back.
my $rolled_back = q{DECLARE v text; BEGIN BEGIN v := obtain('NAME'); PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END; RAISE LOG '%', v; END};

my @parallel = ('parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off');

# Statements and their SQLSTATEs; NAME is the secret's, VALUE its value as a literal.
my @statements = (
	[ 'a function that fails', [ q{SELECT obtain('NAME')::int}, '22P02' ] ],
	[ 'not through any function', [ q{SELECT secrets.get('NAME')::int}, '22P02' ] ],
	[ 'by get_bytes', [ q{SELECT encode(secrets.get_bytes('NAME'), 'hex')::uuid}, '22P02' ] ],
	[ 'by get_many', [ q{SELECT value::int FROM secrets.get_many(ARRAY['NAME'])}, '22P02' ] ],
	[ 'by get_all', [ q{SELECT value::int FROM secrets.get_all('NAME')}, '22P02' ] ],
	[ 'by try_get', [ q{SELECT secrets.try_get('NAME')::date}, '22007' ] ],
	[ 'a later statement', [ 'BEGIN' ], [ q{SELECT length(obtain('NAME'))} ], [ 'SELECT VALUE' ], [ 'COMMIT' ] ],
	[ 'a later statement that fails', [ 'BEGIN' ], [ q{SELECT length(obtain('NAME'))} ], [ 'SELECT VALUE::int', '22P02' ], [ 'ROLLBACK' ] ],
	[ 'a later statement that does not parse', [ 'BEGIN' ], [ q{SELECT length(obtain('NAME'))} ], [ 'SELEC VALUE', '42601' ], [ 'ROLLBACK' ] ],
	[ 'in a savepoint', [ 'BEGIN' ], [ 'SAVEPOINT s' ], [ q{SELECT length(obtain('NAME'))} ], [ 'SELECT VALUE::int', '22P02' ], [ 'ROLLBACK TO s' ], [ 'SELECT 1, VALUE' ], [ 'COMMIT' ] ],
	[ 'in a subtransaction that rolls back', [ "DO \$do\$ $rolled_back \$do\$" ] ],
	[ 'after the commit', [ q{SELECT length(obtain('NAME'))} ], [ 'SELECT VALUE::int', '22P02' ] ],
	[ 'after a rollback', [ 'BEGIN' ], [ q{SELECT length(obtain('NAME'))} ], [ 'ROLLBACK' ], [ 'SELECT VALUE::int', '22P02' ] ],
	[ 'after the next transaction', [ q{SELECT length(obtain('NAME'))} ], [ q{SELECT length(obtain('another'))} ], [ 'SELECT VALUE::int', '22P02' ] ],
	[ 'a prepared statement', [ q{PREPARE p AS SELECT obtain('NAME')::int} ], [ 'EXECUTE p', '22P02' ] ],
	[ 'a cursor', [ 'BEGIN' ], [ q{DECLARE c CURSOR FOR SELECT obtain('NAME')::int} ], [ 'FETCH c', '22P02' ], [ 'ROLLBACK' ] ],
	[ 'a printed tree', [ 'BEGIN' ], [ 'SET LOCAL debug_pretty_print = off' ], [ 'SET LOCAL debug_print_parse = on' ], [ q{SELECT length(obtain('NAME'))} ], [ 'SELECT VALUE::text' ], [ 'COMMIT' ] ],
	[ 'a parallel worker', (map { ["SET $_"] } @parallel), [ 'BEGIN' ], [ q{DO $do$ DECLARE v text := obtain('NAME'); BEGIN PERFORM count(strict(v, i)) FROM big; END $do$}, 'P0001' ], [ 'ROLLBACK' ] ],
	[ 'EXPLAIN', [ 'BEGIN' ], [ q{SELECT length(obtain('NAME'))} ], [ 'EXPLAIN VERBOSE SELECT VALUE' ], [ 'COMMIT' ] ]);

my @with_explain = map { [$_] } q{LOAD 'auto_explain'}, 'SET auto_explain.log_min_duration = 0', 'SET auto_explain.log_nested_statements = on', 'SET auto_explain.log_verbose = on';

# In DO blocks v is the value.
sub block { my ($body) = @_; return "DO \$do\$ DECLARE v text := obtain('NAME'); BEGIN $body END \$do\$"; }

push @statements,
  [ 'auto_explain of what is nested', @with_explain, [ block(q{EXECUTE format('SELECT %L::text', v);}) ] ],
  [ 'auto_explain of a bound constant', @with_explain, [ block(q{EXECUTE 'SELECT $1::text || now()' USING v;}) ] ]
  if $has_explain;

# ---- the server ----

# A new session does as the settings say.
sub reload
{
	my ($node, $settings) = @_;
	my ($level) = $settings =~ /^log_min_messages = (\w+)/m;

	configure($node, $settings, 'reload');
	wait_for(sub { value($node, 'SHOW log_min_messages') eq $level }, 'reload');
	return;
}

# Without a line about it.
sub put_quietly
{
	my ($node, @doors) = @_;
	my $client = connect_to($node);

	foreach my $door (@doors)
	{
		my $answer = $client->bound('SELECT secrets.put($1, $2)', [ $door->{secret}, $door->{value} ]);
		die "put: $answer->{err}" if $answer->{state} ne '';
	}
	$client->close;
	return;
}

# In a session of its own, which knows no other value.
sub say_it
{
	my ($node, $door, @steps) = @_;
	my $client = connect_to($node);
	my @states;

	foreach my $step (@steps)
	{
		my $sql = $step->[0] =~ s/NAME/$door->{secret}/gr;

		$sql =~ s/\bVALUE\b/quote($door->{value})/e;
		push @states, $client->ask($sql)->{state};
	}
	$client->close;
	is(join(' ', map { $_ || 'ok' } @states), join(' ', map { $_->[1] || 'ok' } @steps), "$door->{name}: comes out as it is meant to");
	return;
}

# A value that comes in, as a parameter of the protocol.  Of a statement that has not begun
# nothing is to be logged: that its parameter is a value is not known by then.
my @before = ("SET log_statement = 'none'", 'SET log_duration = off', 'SET log_min_messages = warning', 'SET log_min_error_statement = error');

sub bring
{
	my ($node, $door, $settings, $sql, $state, $value) = @_;
	my $client = connect_to($node);

	$client->value($_) foreach @before, @$settings;
	is($client->bound($sql, [ $door->{secret}, defined $value ? $value : $door->{value} ])->{state}, $state, "$door->{name}: comes out as it is meant to");
	$client->close;
	return;
}

sub bring_all
{
	my ($node, $add) = @_;

	bring($node, $add->('a duration with parameters'), [ 'SET log_min_duration_statement = 900' ], 'SELECT keep_slowly($1, $2)', '');
	bring($node, $add->('parameters of what fails'), [], 'SELECT keep($1, $2) / 0', '22012');
	bring($node, $add->('a value too large'), [], q{SELECT try_to_keep($1, $2::text || repeat('x', 2000000))}, '54000');
	bring($node, $add->('a name that is none'), [], q{SELECT try_to_keep($1::text || ' ', $2)}, '22023');
	bring($node, $add->('no name'), [], 'SELECT try_to_keep(nullif($1, $1), $2)', '22004');
	bring($node, $add->('JSON without a name'), [], 'SELECT try_to_keep_json(nullif($1, $1), $2)', '22004');
	bring($node, $add->('bytes without a name'), [], 'SELECT try_to_keep_bytes(nullif($1, $1), $2)', '22004');
	bring($node, $add->('a patch that is none'), [], 'SELECT try_to_change($1, $2)', '22032');
	bring($node, $add->('an insert without a name'), [], 'SELECT try_to_insert(nullif($1, $1), $2)', '22004');
	bring($node, $add->('without the right to'), [ 'SET ROLE nobody' ], 'SELECT try_to_keep($1, $2)', '42501');
	my $uri = $add->('the password of an address', plain => 1);
	bring($node, $uri, [], 'SELECT keep_and_use($1, $2)', '22P02', "postgresql://app:$uri->{value}\@db.example.com/app");
	return;
}

# One field, and what a COPY complains of.
sub tell_by_other_means
{
	my ($node, $add) = @_;
	my $field = $add->('a field of JSON');
	my $member = $add->('a member of JSON');
	my $copied = $add->('a line of COPY', plain => 1);
	my $client = connect_to($node);

	is($client->ask("SELECT secrets.get('$field->{secret}', 'anything')::int")->{state}, '22P02', 'a field of JSON: comes out as it is meant to');
	is($client->ask("SELECT (secrets.get('$member->{secret}')::jsonb->>'Api-Key')::int")->{state}, '22P02', 'a member of JSON: comes out as it is meant to');
	$client->value("SELECT length(obtain('$copied->{secret}'))");
	is($client->copy_in('COPY numbers FROM STDIN', "$copied->{value}\n")->{state}, '22P02', 'a line of COPY: comes out as it is meant to');
	$client->close;
	return;
}

# A value that the database writes in another encoding than the one it is kept in: what goes out,
# and what comes in.
my $accents = "\xe9\xe8";

sub latin { my ($door) = @_; return $accents . $door->{head} . $accents; }
sub utf8_of { my ($latin) = @_; utf8::upgrade($latin); utf8::encode($latin); return $latin; }

sub tell_in_latin1
{
	my ($node, $add) = @_;
	my %way = (
		'LATIN1' => q{RAISE LOG '%', v;},
		'LATIN1 as UTF-8' => q{RAISE LOG '%', encode(convert_to(v, 'UTF8'), 'hex');},
		'LATIN1 as JSON' => q{RAISE LOG '%', replace(replace(to_json(v)::text, chr(233), '\u00e9'), chr(232), '\u00e8');});

	foreach my $name (sort keys %way)
	{
		my $door = $add->($name);
		my $client = connect_to($node, database => 'latin');
		my $block = "DO \$do\$ DECLARE v text := secrets.get('$door->{secret}'); BEGIN $way{$name} END \$do\$";

		is($client->ask($block)->{state}, '', "$name: comes out as it is meant to");
		$client->close;
	}
	my $in = $add->('LATIN1 coming in');
	my $client = connect_to($node, database => 'latin');
	$client->value($_) foreach @before;
	is($client->bound('SELECT try_to_keep(nullif($1, $1), $2)', [ $in->{secret}, utf8_of(latin($in)) ])->{state}, '22004', 'LATIN1 coming in: comes out as it is meant to');
	$client->close;
	return;
}

# By the worker that the tick starts, since nobody else may run it.
sub rotate_by_function
{
	my ($node, $add) = @_;
	my $door = $add->('a rotator that is a function');

	value($node, "SELECT secrets.schedule_rotation('$door->{secret}', 'manual', 'bring')");
	like(run_sql($node, "CALL secrets.rotate_now('$door->{secret}')")->{state}, qr/^(P0001|55000)$/, "$door->{name}: comes out as it is meant to");
	return;
}

# ---- all of it ----

sub hunt
{
	my ($redact) = @_;
	my $hunt = new_hunt("redact_logs_$redact", conf => $quiet);
	my $node = $hunt->{node};
	my (@steps, %door);
	my @formats = ('stderr', 'csvlog', $node->pg_version >= 15 ? 'jsonlog' : ());
	my %ends = (stderr => 'log', csvlog => 'csv', jsonlog => 'json');

	configure($node, "log_destination = '" . join(',', @formats) . "'\nlog_directory = '$hunt->{logs}'\nlog_filename = 'server.log'\nsecrets.redact_logs = $redact");
	$hunt->add_place($_, "$hunt->{logs}/server.$ends{$_}") foreach @formats;
	$node->start;
	value($node, "CREATE EXTENSION secrets; CREATE ROLE nobody; $functions; SELECT secrets.put('another', 'and another')");
	foreach my $way (@raised, @told)
	{
		my ($name, $body, $state) = @$way;
		push @steps, [ $name, [ block($body), $state ] ];
	}
	push @steps, @statements;
	$door{ $_->[0] } = $hunt->add_door($_->[0]) foreach @steps;
	put_quietly($node, values %door);
	# Those of the other ways have the value in them.
	my %written = ('a field of JSON' => '{"anything": %s}', 'a member of JSON' => '{"user": "app", "Api-Key": %s}');
	my $add = sub {
		my ($name, %options) = @_;
		my $door = $hunt->add_door($name, %options);

		put_quietly($node, { %$door, value => $written{$name} ? sprintf($written{$name}, json($door->{value})) : $door->{value} }) if $options{put};
		return $door;
	};
	my %later = map { $_ => $add->($_, put => 1, plain => $_ eq 'a line of COPY') } 'a field of JSON', 'a member of JSON', 'a line of COPY', 'a rotator that is a function';

	# In another database, whose logs are the same.
	my %latin = map { $_ => $hunt->add_door($_, plain => 1) } 'LATIN1', 'LATIN1 as UTF-8', 'LATIN1 as JSON', 'LATIN1 coming in';
	value($node, q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
	value($node, "CREATE EXTENSION secrets; $functions", 'latin');
	my $client = connect_to($node, database => 'latin');
	$client->bound('SELECT secrets.put($1, $2)', [ $_->{secret}, utf8_of(latin($_)) ]) foreach values %latin;
	$client->close;

	reload($node, $loud);
	say_it($node, $door{ $_->[0] }, @$_[ 1 .. $#$_ ]) foreach @steps;
	bring_all($node, $add);
	tell_by_other_means($node, sub { $later{ $_[0] } });
	rotate_by_function($node, sub { $later{ $_[0] } });
	tell_in_latin1($node, sub { $latin{ $_[0] } });
	$node->stop;
	$hunt->look('at the end', $hunt->{logs});
	return ($hunt, @formats);
}

my ($on) = hunt('on');
is(join("\n", $on->misses), '', 'all would be found');
$on->judge;
my @logs = map { slurp_file($_) } glob "$on->{logs}/*";
cmp_ok(scalar(grep { /\*{20}/ } @logs), '>=', 2, 'lines are there, with asterisks');
is(scalar(grep { /PANIC|TRAP| XX\d{3}:/ } @logs), 0, 'no internal error');

my ($off, @formats) = hunt('off');
foreach my $door (@{ $off->{doors} })
{
	# What a rotator's function says is told without the value in any case.
	next if $door->{name} eq 'a rotator that is a function';
	is(join(' ', sort keys %{ $off->hits($door) }), join(' ', sort @formats), "without redaction: $door->{name}: in every log");
}

done_testing();
