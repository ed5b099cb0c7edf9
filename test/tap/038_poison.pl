# What one role leaves behind in a session must not run as the next: a rotation by
# somebody's function has a process of its own.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('poison');

# An innocent rotator of a superuser's, with a variable in it, and one that writes to a table of its own.
value($node, <<'END');
CREATE FUNCTION public.innocent(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS
	$$ DECLARE v text; BEGIN v := candidate; RETURN NULL; END $$;
CREATE TABLE public.notes (n text);
CREATE FUNCTION public.writes(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql SET search_path = public AS
	$$ BEGIN INSERT INTO notes VALUES (name || step); RETURN NULL; END $$;
CREATE ROLE mallory LOGIN;
CREATE SCHEMA evil AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SELECT secrets.put('root/a', 'x'), secrets.put('root/b', 'x'), secrets.put('mallory/a', 'x');
SELECT secrets.schedule_rotation('root/a', '1 day', 'public.innocent'), secrets.schedule_rotation('root/b', '1 day', 'public.writes');
SELECT secrets.grant('all', 'mallory/**', 'mallory'), secrets.grant('rotate, list', 'root/**', 'mallory');
END

# Types of his are found first where he says so, and what was compiled with them is kept.
sub as_mallory { return run_sql($node, $_[0], params => [ '-U', 'mallory' ]); }

is(as_mallory(<<'END')->{err}, '', 'the trap is set');
CREATE FUNCTION evil.checks(pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE mallory SUPERUSER'; END IF; RETURN true; END $$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.checks(value::pg_catalog.text));
CREATE FUNCTION evil.first(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN PERFORM set_config('search_path', 'evil, pg_catalog', true); PERFORM public.innocent('a', 'b', 'c', '{}'); RETURN NULL; END $$;
SELECT secrets.schedule_rotation('mallory/a', '1 day', 'evil.first');
END

sub is_harmless
{
	my ($name) = @_;
	is(value($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', "$name: he is what he was");
	value($node, 'ALTER ROLE mallory NOSUPERUSER');
}

# The trap works where a session is shared: else this shows nothing.
value($node, q{SET search_path = evil, pg_catalog; SELECT public.innocent('a', 'b', 'c', '{}')});
is(value($node, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 't', 'the trap works');
value($node, 'ALTER ROLE mallory NOSUPERUSER');

value($node, q{UPDATE secrets_catalog.rotation SET next_at = now() - interval '1 hour' WHERE rotator ~ 'evil'});
value($node, q{UPDATE secrets_catalog.rotation SET next_at = now() WHERE rotator !~ 'evil'});
value($node, 'CALL secrets.tick()');
is(value($node, q{SELECT count(*) FROM secrets.rotations WHERE last_status = 'succeeded'}), 3, 'the tick has done all three');
is_harmless('by the tick');

my $result = as_mallory(<<'END');
SET search_path = evil, pg_catalog;
SELECT public.innocent('a', 'b', 'c', '{}');
RESET search_path;
CALL secrets.rotate_now('root/a');
END
is($result->{err}, '', 'rotate_now() by who may rotate');
is_harmless('what he compiled before rotate_now()');

# A temporary table of the caller's is found before the real one.
$result = as_mallory(<<'END');
CREATE TEMP TABLE notes (n text);
CREATE FUNCTION evil.fires() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE mallory SUPERUSER'; END IF; RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION evil.fires();
GRANT INSERT ON notes TO PUBLIC;
CALL secrets.rotate_now('root/b');
SELECT count(*) FROM pg_temp.notes;
END
is($result->{err}, '', 'rotate_now() beside a temporary table');
like($result->{out}, qr/^0$/m, 'which nobody has written to');
is_harmless('what he has in his session');
is(value($node, q{SELECT count(*) FROM public.notes}), 8, 'the real one has all steps of two rotations');
is(value($node, q{SELECT secrets.current_version('root/a')}), 3, 'each of them is done');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
