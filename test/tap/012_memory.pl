# A session that has read many secrets, or put many, or met many errors, is no
# larger than one that did so once.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $many = soak() ? 100_000 : 10_000;
my $limit = 2048;	# kB
# Else the C library learns from what it sees how many free pages it may keep: 6 MB in one run, none in the next.
$ENV{MALLOC_TRIM_THRESHOLD_} = $ENV{MALLOC_MMAP_THRESHOLD_} = 128 * 1024;
# Small shared buffers, touched beforehand by each session, so that RssAnon is what is compared.
my $node = new_node('memory', conf => "max_locks_per_transaction = 64\nautovacuum = off\n");

value($node, "SELECT count(secrets.put('many/' || n, 'value of ' || n)) FROM generate_series(1, $many) n");
value($node, 'ANALYZE');

# In plpgsql, one statement a secret in one call: nothing is freed but what each call frees.
value($node, <<'END');
CREATE FUNCTION read_many(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE length bigint := 0;
BEGIN
	FOR i IN 1 .. n LOOP length := length + length(secrets.get('many/' || i)); END LOOP;
	RETURN length;
END $$;
CREATE FUNCTION put_many(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE last bigint;
BEGIN
	FOR i IN 1 .. n LOOP last := secrets.put('many/' || 1 + i % 50, 'put ' || i); END LOOP;
	RETURN last;
END $$;
-- Errors of each kind, with and without a value in hand.
CREATE FUNCTION fail_many(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE failed bigint := 0;
BEGIN
	FOR i IN 1 .. n LOOP
		BEGIN PERFORM secrets.get('absent/' || i); EXCEPTION WHEN undefined_object THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.put('many/1', 'x' || i, if_version => 0); EXCEPTION WHEN OTHERS THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.put('many/1', repeat('x', 2000000)); EXCEPTION WHEN program_limit_exceeded THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.get('many/1', 'field'); EXCEPTION WHEN OTHERS THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.put('no name!', 'x' || i); EXCEPTION WHEN OTHERS THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.patch('many/1', '{"a": 1}'::text); EXCEPTION WHEN OTHERS THEN failed := failed + 1; END;
		BEGIN PERFORM secrets.get('damaged'); EXCEPTION WHEN data_corrupted THEN failed := failed + 1; END;
	END LOOP;
	RETURN failed;
END $$;
CREATE FUNCTION misc_many(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM secrets.try_get('absent'), secrets.get_bytes('many/' || i), secrets.current_version('many/' || i);
		PERFORM count(*) FROM secrets.list('many/' || i);
		PERFORM count(*) FROM secrets.get_many(ARRAY['many/' || i, 'many/1']);
		PERFORM secrets.get('json', 'k');
	END LOOP;
END $$;
SELECT secrets.put('damaged', 'x'), secrets.put('damaged2', 'y'), secrets.put('json', '{"k": "v"}'::jsonb);
UPDATE secrets_catalog.version v SET value = (SELECT o.value FROM secrets_catalog.version o JOIN secrets_catalog.secret t ON t.id = o.secret_id WHERE t.name = 'damaged2')
	FROM secrets_catalog.secret s WHERE s.id = v.secret_id AND s.name = 'damaged';
END

# What a session holds: its memory contexts, and its own pages in kB.
sub holds
{
	my ($session, $pid) = @_;
	my $contexts = $session->value('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts');
	my $numbers = numbers($pid);

	return (int $contexts, $numbers->{RssAnon} || 0);
}

# The difference between once and many times, in one session that was warmed up.
sub grows_little
{
	my ($name, $once, @many) = @_;
	my $session = open_session($node);
	my $pid = $session->value('SELECT pg_backend_pid()');

	# Several times: the C library finds its level of pages kept only after some rounds.
	$session->ask($_) foreach (($once) x 5);
	holds($session, $pid);
	my ($contexts, $rss) = holds($session, $pid);
	foreach my $sql (@many)
	{
		my $answer = $session->ask($sql);
		fail("$name: $answer->{err}") if $answer->{state} ne '' && $answer->{state} ne '42704';
	}
	my ($contexts_after, $rss_after) = holds($session, $pid);
	cmp_ok($contexts_after - $contexts, '<', $limit, "$name: memory contexts, kB more");
	cmp_ok($rss_after - $rss, '<', $limit, "$name: resident memory of its own, kB more");
	note(sprintf '%s: contexts %d -> %d kB, RssAnon %d -> %d kB', $name, $contexts, $contexts_after, $rss, $rss_after);
	is($session->value(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name ~ '^secret'}), 0, "$name: no context of ours is left");
	$session->close;
	return;
}

grows_little("$many different secrets read", 'SELECT read_many(1)', "SELECT read_many($many)");
# One statement each, as an application sends them.
grows_little('1000 statements', q{SELECT secrets.get('many/1')}, map { "SELECT secrets.get('many/$_')" } 1 .. 1000);
grows_little("@{[ $many / 10 ]} puts", 'SELECT put_many(60)', "SELECT put_many(@{[ $many / 10 ]})");
grows_little('1000 calls of each other kind of read', 'SELECT misc_many(1)', 'SELECT misc_many(1000)');
my $errors = soak() ? 2000 : 150;
grows_little("@{[ 7 * $errors ]} errors", 'SELECT fail_many(2)', "SELECT fail_many($errors)");
is(value($node, 'SELECT fail_many(3)'), 21, 'all of which were errors');
grows_little('500 errors, a statement each', q{SELECT secrets.get('absent')}, map { q{SELECT secrets.get('absent')} } 1 .. 500);

# A walk over all at once holds sealed boxes; afterwards it holds nothing.  The C
# library may keep the pages for the next one, so it is the next ones that are looked at.
grows_little("$_ over everything", "SELECT count(*) FROM secrets.$_('many/**')", ("SELECT count(*) FROM secrets.$_('many/**')") x 3)
  foreach ('get_all', 'list');

# Keys come and go without a trace.
my @rounds = map { ('SELECT secrets.rotate_master_key()', q{SELECT secrets.put('k', 'x')}, q{SELECT secrets.get('k')},
		'SELECT secrets.seal()', 'SELECT secrets.unseal()', q{SELECT secrets.get('many/1')}) } 1 .. 40;
grows_little('40 rotations, seals and unseals', q{SELECT secrets.get('many/1')}, @rounds);
grows_little('a rekey', 'CALL secrets.rekey()', 'SELECT secrets.rotate_master_key()', 'CALL secrets.rekey()');

# More master keys in use than a process keeps ready.
value($node, join('; ', map { "SELECT secrets.rotate_master_key(), secrets.put('keys/$_', 'under $_')" } 1 .. 300));
is(value($node, q{SELECT count(*) FROM secrets.get_all('keys/*') WHERE value = 'under ' || substr(name, 6)}), 300, '300 master keys in use: all read');
grows_little('300 master keys', q{SELECT count(*) FROM secrets.get_all('keys/1')}, (q{SELECT count(*) FROM secrets.get_all('keys/*') WHERE problem IS NULL}) x 10);

done_testing();
