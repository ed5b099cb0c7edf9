# Nobody can keep secrets.check() from looking: not by a lock, nor by what cannot be
# printed, is too long, or is gone while it is looked at.  It says what it could not see.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('unstopped');
my $data = $node->data_dir;
value($node, <<'END');
CREATE ROLE anybody;
CREATE SCHEMA his AUTHORIZATION anybody;
GRANT USAGE ON SCHEMA secrets TO anybody;
SET ROLE anybody;
CREATE FUNCTION his.open(n text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put(n, 'a canary'); END $$;
END

sub rows { my ($like) = @_; return value($node, "SELECT severity || ': ' || what FROM secrets.check() WHERE what ~ '$like' ORDER BY 1"); }
sub advice { my ($like) = @_; return value($node, "SELECT advice FROM secrets.check() WHERE what ~ '$like'"); }

my $found = 'critical: a value stands in function his.open(text), at secrets.put(), where every role can read it';

# Whatever is in its way, it still sees this.
sub sees { my ($how) = @_; return is(rows('^a value stands'), $found, "$how: what there is is found"); }

sees('nothing in its way');
is(rows('could not be looked at|too long'), '', 'and all is looked at');

# ---- locks ----

value($node, <<'END');
SET ROLE anybody;
CREATE TABLE his.locked (a int);
CREATE VIEW his.view AS SELECT secrets.can('read', 'x') FROM his.locked;
CREATE FUNCTION his.tree() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM his.locked WHERE 'secrets' <> ''; END;
END
my $holder = open_client($node);
$holder->value('BEGIN; LOCK TABLE his.locked IN ACCESS EXCLUSIVE MODE');
sees('a lock');
is(rows('could not be looked at'), <<'END' =~ s/\n\z//r, 'two that are locked');
info: function his.tree() could not be looked at: canceling statement due to lock timeout
info: view his.view could not be looked at: canceling statement due to lock timeout
END

# What is gone by the time that the lock is.
value($node, 'SET ROLE anybody; CREATE FUNCTION his.z() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT secrets.get($x$a$x$) $$');
my $watcher = open_client($node);
$watcher->value('SELECT 1');
foreach my $round (1 .. 3)
{
	$watcher->send('SELECT count(*) FROM secrets.check()');
	value($node, 'DROP FUNCTION his.z()');
	like($watcher->answer->{out}, qr/^\d+$/, 'a function goes while it is looked at');
	value($node, 'SET ROLE anybody; CREATE FUNCTION his.z() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT secrets.get($x$a$x$) $$');
}
$holder->value('COMMIT');
is(rows('could not be looked at'), '', 'and nothing, when the lock is gone');

# Nor does it hold anything itself.
$watcher->value('BEGIN');
$watcher->value('SELECT count(*) FROM secrets.check()');
is(value($node, q{SELECT count(*) FROM pg_locks WHERE relation = 'his.locked'::regclass}), 0, 'what it has looked at is not locked');
is($watcher->value('SHOW lock_timeout'), '0', 'and the caller waits for locks as before');
$watcher->value('COMMIT');

# A timeout of the caller's is for all of it.
$watcher->value(q{SET statement_timeout = '100ms'});
$holder->value('BEGIN; LOCK TABLE his.locked IN ACCESS EXCLUSIVE MODE');
is($watcher->ask('SELECT count(*) FROM secrets.check()')->{state}, '57014', 'statement_timeout ends it');
$watcher->value('RESET statement_timeout');
$holder->value('COMMIT');

# One lock is waited for, and not each of many: half a second for each would be half an hour.
value($node, q{SET ROLE anybody; DO $do$ BEGIN FOR i IN 1 .. 4000 LOOP EXECUTE format('CREATE VIEW his.view_%s AS SELECT secrets.can(''read'', ''x'') FROM his.locked', i); END LOOP; END $do$});
$holder->value('BEGIN; LOCK TABLE his.locked IN ACCESS EXCLUSIVE MODE');
$watcher->value(q{SET statement_timeout = '150s'});
is($watcher->value(q{SELECT what FROM secrets.check() WHERE what ~ 'more like'}), 'there are 3981 more like the one before', 'four thousand views over one table that is locked');
$watcher->value('RESET statement_timeout');
$holder->value('COMMIT');
value($node, q{DO $do$ BEGIN FOR i IN 1 .. 4000 LOOP EXECUTE format('DROP VIEW his.view_%s', i); IF i % 1000 = 0 THEN COMMIT; END IF; END LOOP; END $do$});

# ---- what cannot be printed, or is too long ----

my $deep = q{secrets.can('read', 'x')} . '::text::bool' x 2000;
value($node, "SET ROLE anybody; CREATE VIEW his.deep AS SELECT $deep");
# With less room than who made it.
my $shallow = open_client($node);
$shallow->value(q{SET max_stack_depth = '150kB'});
my $answer = $shallow->ask(q{SELECT string_agg(severity || ': ' || what, e'\n' ORDER BY what) FROM secrets.check() WHERE what ~ '^(a value stands in|view his.deep could not)'});
is($answer->{state}, '', 'cannot be printed');
is($answer->{out}, "$found\nwarning: view his.deep could not be looked at: stack depth limit exceeded", 'which is told, and the rest is seen');
value($node, 'DROP VIEW his.deep');

value($node, q{SET ROLE anybody; SET check_function_bodies = off; CREATE FUNCTION his.long() RETURNS int LANGUAGE sql AS $$ SELECT 'password' $$});
value($node, <<'END');
SET check_function_bodies = off;
DO $do$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION his.long() RETURNS int LANGUAGE sql AS %L', 'SELECT ''password''' || repeat(';', 20000000)); END $do$;
END
sees('a long function');
is(rows('too long'), 'info: function his.long() is too long to be looked at', 'which is told');
# As long as it may be, and as hard to read: what is called is never finished.
value($node, <<'END');
SET check_function_bodies = off;
DO $do$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION his.long() RETURNS int LANGUAGE sql AS %L', repeat('secrets.put(', 40000) || repeat('into secrets.inbox(', 20000)); END $do$;
END
sees('one that never ends');
value($node, 'DROP FUNCTION his.long()');

# ---- files of the server ----

my $hba = "$data/pg_hba.conf";
rename $hba, "$hba.away" or die "$hba: $!";
sees('no pg_hba.conf');
like(rows('could not be looked at'), qr/^warning: a part of TLS and pg_hba.conf could not be looked at: could not open .*pg_hba\.conf/, 'which is told');
rename "$hba.away", $hba or die "$hba: $!";
is(rows('could not be looked at'), '', 'and it is there again');

append_to_file("$data/postgresql.conf", "this is not = a = setting\n");
sees('a file that is wrong');
like(rows('is wrong'), qr/^info: line \d+ of .*postgresql\.conf is wrong \(syntax error\)/, 'which is told');
my $conf = slurp_file("$data/postgresql.conf");
$conf =~ s/^this is not.*\n//m;
unlink "$data/postgresql.conf";
append_to_file("$data/postgresql.conf", $conf);
is(rows('is wrong'), '', 'and mended');

# ---- advice ----

# Who does all that is advised, one after the other, is done.
value($node, <<'END');
CREATE TABLE his.written (name text, value text);
CREATE FUNCTION his.on_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.put(NEW.name, NEW.value); RETURN NULL; END $$;
CREATE TRIGGER on_write BEFORE INSERT ON his.written FOR EACH ROW EXECUTE FUNCTION his.on_write();
CREATE FUNCTION his.store(n text, v text) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)';
CREATE FUNCTION his.store(n text, v text, e int) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)';
CREATE FUNCTION his."Keep it"(n text, v text) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)';
CREATE FOREIGN DATA WRAPPER none;
CREATE SERVER "a server" FOREIGN DATA WRAPPER none OPTIONS ("my secret" 'x', "API_key" 'y', token 'z');
END
my @advice = split /\n/, advice('not in secrets.redact_functions');
is(scalar @advice, 5, 'five ways to store');
my ($last) = $advice[-1] =~ /^(ALTER SYSTEM .*?); SELECT pg_reload_conf\(\);$/;
foreach (@advice)
{
	my ($command) = /^(ALTER SYSTEM .*?);/;
	value($node, $command);
}
$node->reload;
wait_for(sub { value($node, 'SHOW secrets.redact_functions') =~ /open.*written.*store.*Keep it/ }, 'all are named');
is(rows('not in secrets.redact_functions'), '', 'and that was all');
like($last, qr/open.*written.*store.*Keep it/, 'the last advice had them all');
value($node, q{CREATE FUNCTION his."select"(n text, v text) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)'});
like(advice('^function his."select"'), qr/^rename his\."select": /, 'a word of SQL is not to be named');
value($node, 'DROP FUNCTION his."select"(text, text)');
value($node, 'DROP FUNCTION his.z()');
# Of very many the last that is shown has those that are.
value($node, q{DO $do$ BEGIN FOR i IN 1 .. 500 LOOP EXECUTE format($f$CREATE FUNCTION his.many_%s(n text, v text) RETURNS bigint LANGUAGE sql AS 'SELECT secrets.put($1, $2)'$f$, i); END LOOP; END $do$});
@advice = split /\n/, advice('not in secrets.redact_functions');
is(scalar @advice, 20, 'twenty of five hundred are shown');
my @named = $advice[-1] =~ /his\.many_\d+/g;
is(scalar @named, 20, 'and named');
is(rows('more like the one before'), 'warning: there are 480 more like the one before', 'the others are counted');
my @mends = split /\n/, advice('has .* in the clear');
is(scalar @mends, 1, 'options with names that need quotes');
value($node, $mends[0]);
is(rows('has .* in the clear'), '', 'are dropped by the advice');

# What is on the command line goes before all that ALTER SYSTEM writes.
$node->stop;
my @start = ('pg_ctl', '-D', $data, '-l', $node->logfile, '-w');
command_ok([ @start, '-o', '-c password_encryption=md5', 'start' ], 'a setting on the command line');
like(rows('^setting password_encryption'), qr/^warning: setting password_encryption is "md5": /, 'is told of');
like(advice('^setting password_encryption'), qr/^take password_encryption out of the command that starts the server/, 'with advice that helps');
command_ok([ @start, '-m', 'fast', 'stop' ], 'stopped');
$node->start;
is(rows('^setting password_encryption'), '', 'without it there is nothing');

done_testing();
