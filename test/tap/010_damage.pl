# Boxes that were changed: every bit, every length, every field exchanged with
# another box's.  Refused, each time with the same SQLSTATE, and nothing crashes.
#
# A sample in the normal run; every bit of every box with SECRETS_SOAK=1.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('damage', conf => "restart_after_crash = off\n");
my @sizes = (0, 1, 15, 16, 64, 4096);

# Set-based: a table of changed boxes, each put in the place of the good one in
# turn, and read.  What came of it is counted by kind and SQLSTATE.
value($node, <<'END');
CREATE FUNCTION to_box(bytes bytea) RETURNS secrets.ciphertext LANGUAGE sql AS $$
	SELECT ('secrets:' || rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '='))::secrets.ciphertext $$;
CREATE FUNCTION to_bytes(box secrets.ciphertext) RETURNS bytea LANGUAGE sql AS $$ SELECT secrets_catalog.ciphertext_send(box) $$;
CREATE TABLE outcome (kind text, state text, message text, n bigint);
CREATE TABLE good AS SELECT * FROM secrets_catalog.version WITH NO DATA;

-- One changed box in the place of version 1 of that name, and all ways to read it.
CREATE FUNCTION try_box(victim text, bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	box secrets.ciphertext;
	v text;
	seen text[] := '{}';
BEGIN
	BEGIN
		box := to_box(bytes);
	EXCEPTION WHEN OTHERS THEN
		RETURN 'input ' || SQLSTATE;
	END;
	UPDATE secrets_catalog.version SET value = box
		WHERE version = 1 AND secret_id = (SELECT id FROM secrets_catalog.secret WHERE name = victim AND deleted_at IS NULL);
	BEGIN
		v := secrets.get_bytes(victim);
		RETURN 'read';
	EXCEPTION WHEN OTHERS THEN
		seen := seen || SQLSTATE;
	END;
	BEGIN
		v := secrets.get(victim);
		RETURN 'read';
	EXCEPTION WHEN OTHERS THEN
		seen := seen || SQLSTATE;
	END;
	BEGIN
		v := secrets.try_get(victim);
		RETURN 'read';
	EXCEPTION WHEN OTHERS THEN
		seen := seen || SQLSTATE;
	END;
	RETURN (SELECT string_agg(DISTINCT s, ' ') FROM unnest(seen) s);
END $$;

-- The good one back, whatever was tried.
CREATE FUNCTION put_back() RETURNS void LANGUAGE sql AS $$
	UPDATE secrets_catalog.version v SET value = g.value FROM good g WHERE g.secret_id = v.secret_id AND g.version = v.version $$;

CREATE FUNCTION attempt(kind text, victim text, changed bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO outcome SELECT attempt.kind || ' of ' || victim, r, NULL, count(*)
		FROM (SELECT try_box(victim, c) AS r FROM unnest(changed) c) x GROUP BY r;
	PERFORM put_back();
END $$;
END

# Values of bytes (get would say 42809 for those that verify, but none does) and of text.
foreach my $size (@sizes)
{
	value($node, "SELECT secrets.put('text/$size', repeat('t', $size)), secrets.put_bytes('bytes/$size', decode(repeat('ff', $size), 'hex'))");
}
value($node, 'INSERT INTO good SELECT * FROM secrets_catalog.version');

sub reads_well
{
	my ($name) = @_;
	my $wrong = value($node, join ' UNION ALL ', map {
		"SELECT $_ WHERE secrets.get('text/$_') <> repeat('t', $_) OR secrets.get_bytes('bytes/$_') <> decode(repeat('ff', $_), 'hex')" } @sizes);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($wrong, '', $name);
	return;
}
reads_well('every size reads');

# What may come of it: refused at input, or when it is read.
sub outcome
{
	my ($kind, $allowed) = @_;
	my @rows = split /\n/, value($node, "SELECT kind, state, n FROM outcome WHERE kind LIKE '$kind of %' ORDER BY 1, 2");
	my @wrong = grep { my ($k, $state) = split /\|/; $state !~ /^(?:$allowed)$/ } @rows;
	my $n = 0;
	$n += (split /\|/)[2] foreach @rows;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(@rows && !@wrong, "$kind: $n tried, each refused by $allowed") or diag(join "\n", @rows);
	return;
}
my $at_input_or_read = 'input 22P02|XX001';

# ---- every bit ----

# All of the header, the nonce and the tag; of a long ciphertext a part, but for the soak.
foreach my $kind ('text', 'bytes')
{
	foreach my $size (@sizes)
	{
		next if $kind eq 'bytes' && !soak() && $size != 16;
		my $bits = 8 * ($size + 64);
		my $which = soak() || $bits <= 1100 ? 'true' : "(b < 384 OR b >= $bits - 128 OR b % 97 = 0)";
		value($node, <<"END");
SELECT attempt('bit', '$kind/$size', array_agg(set_bit(bytes, b, 1 - get_bit(bytes, b))))
FROM (SELECT to_bytes(value) AS bytes FROM good WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = '$kind/$size')) g,
	generate_series(0, $bits - 1) b
WHERE $which
END
	}
}
outcome('bit', $at_input_or_read);
# Beyond the part that a form is asked of (format, kind, content, zero) it is the tag that refuses, never the input.
is( value($node, q{SELECT sum(n) FROM outcome WHERE kind LIKE 'bit of %' AND state <> 'XX001' AND state <> 'input 22P02'}), '', 'no other outcome');
is( value($node, <<'END'), 0, 'a bit of the nonce, the ciphertext or the tag: XX001');
SELECT count(*) FROM good g, generate_series(24 * 8, 64 * 8 - 1) b
WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = 'text/0') AND try_box('text/0', set_bit(to_bytes(value), b, 1 - get_bit(to_bytes(value), b))) <> 'XX001'
END
value($node, 'SELECT put_back()');
reads_well('all reads again');

# ---- every length ----

foreach my $size (@sizes)
{
	my $length = $size + 64;
	my $which = soak() || $length < 200 ? 'true' : "(l <= 80 OR l >= $length - 40 OR l % 61 = 0)";
	value($node, <<"END");
WITH g AS (SELECT to_bytes(value) AS bytes FROM good WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = 'text/$size'))
SELECT attempt('truncation', 'text/$size', (SELECT array_agg(substr(bytes, 1, l)) FROM g, generate_series(0, $length - 1) l WHERE $which)),
	attempt('beheading', 'text/$size', (SELECT array_agg(substr(bytes, 1 + l)) FROM g, generate_series(1, $length) l WHERE $which)),
	attempt('extension', 'text/$size', (SELECT array_agg(bytes || x) FROM g, (
		SELECT decode(repeat('00', n), 'hex') AS x FROM generate_series(1, 40) n UNION ALL SELECT bytes FROM g
		UNION ALL SELECT substr(bytes, 1, 16) FROM g UNION ALL SELECT substr(bytes, length(bytes) - 15) FROM g) e)),
	attempt('hole', 'text/$size', (SELECT array_agg(substr(bytes, 1, l) || substr(bytes, l + 2)) FROM g, generate_series(0, $length - 1) l WHERE $which))
END
}
outcome($_, $at_input_or_read) foreach ('truncation', 'beheading', 'extension', 'hole');
is(value($node, q{SELECT count(*) FROM outcome WHERE kind LIKE 'truncation of text/0%' AND state = 'input 22P02'}), 1,
	'too short for a box: refused at input');
reads_well('all reads again');

# ---- moved and exchanged ----

# Whole boxes, and single fields of them, from another version, another secret and another database.
value($node, q{SELECT secrets.put('versions', 'one'), secrets.put('versions', 'two')});
value($node, q{SELECT secrets.put('other', 'one'), secrets.put('renamed', 'one'), secrets.rename('renamed', 'renamed2'), secrets.rename('renamed2', 'renamed')});
value($node, q{SELECT secrets.rotate_master_key(), secrets.put('newer', 'one')});
value($node, 'TRUNCATE good; INSERT INTO good SELECT * FROM secrets_catalog.version');
value($node, 'CREATE DATABASE elsewhere');
value($node, q{CREATE EXTENSION secrets; SELECT secrets.put('versions', 'one')}, 'elsewhere');
my $elsewhere = value($node, q{SELECT encode(secrets_catalog.ciphertext_send(value), 'hex') FROM secrets_catalog.version}, 'elsewhere');
value($node, <<"END");
CREATE TABLE donor AS
SELECT 'another version' AS whose, to_bytes(value) AS bytes FROM good WHERE version = 2 AND secret_id = (SELECT id FROM secrets.secrets WHERE name = 'versions')
UNION ALL SELECT 'another secret', to_bytes(value) FROM good WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = 'other')
UNION ALL SELECT 'another master key', to_bytes(value) FROM good WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = 'newer')
UNION ALL SELECT 'a master key''s wrap', to_bytes(wraps[1]) FROM secrets_catalog.master_key
UNION ALL SELECT 'another database', decode('$elsewhere', 'hex');
CREATE TABLE field (what text, at int, len int);
INSERT INTO field VALUES ('whole', 1, 0), ('header', 1, 24), ('kind', 2, 1), ('content', 3, 1), ('version', 5, 4), ('key id', 9, 16),
	('key version and id', 5, 20), ('nonce', 25, 24), ('header and nonce', 1, 48), ('tag', -16, 16), ('nonce and tag', 0, 0);
END
# Each put into version 1 of "versions", which keeps its own length and the rest.
my $exchange = <<'END';
INSERT INTO outcome
SELECT 'exchange of ' || what || ' with ' || whose, try_box('versions', changed), NULL, 1
FROM (
	SELECT what, whose, CASE
		WHEN what = 'whole' THEN d.bytes
		WHEN what = 'nonce and tag' THEN overlay(overlay(g.bytes PLACING substr(d.bytes, 25, 24) FROM 25)
			PLACING substr(d.bytes, length(d.bytes) - 15) FROM length(g.bytes) - 15)
		WHEN at < 0 THEN overlay(g.bytes PLACING substr(d.bytes, length(d.bytes) - 15) FROM length(g.bytes) - 15)
		ELSE overlay(g.bytes PLACING substr(d.bytes, at, len) FROM at) END AS changed, g.bytes
	FROM donor d, field,
		(SELECT to_bytes(value) AS bytes FROM good WHERE version = 1 AND secret_id = (SELECT id FROM secrets.secrets WHERE name = 'versions')) g
	) x
WHERE changed <> bytes;
SELECT put_back();
END
value($node, $exchange);
# get() reads the current version, which is 2 there: so it is 1 that must be current.
is(value($node, q{SELECT count(*) FROM outcome WHERE kind LIKE 'exchange of %' AND state = 'read'}) > 0, 1,
	'version 2 is not concerned by what happens to version 1');
value($node, q{DELETE FROM outcome WHERE kind LIKE 'exchange of %'; SELECT secrets.rollback('versions', 1)});
value($node, $exchange);
outcome('exchange', $at_input_or_read);
cmp_ok(value($node, q{SELECT count(*) FROM outcome WHERE kind LIKE 'exchange of %'}), '>', 35, 'many exchanges were tried');
is(value($node, q{SELECT string_agg(kind, ', ') FROM outcome WHERE kind LIKE 'exchange of whole%' AND state <> 'XX001'}), '', 'a whole box moved: XX001');

# The rows themselves, relabelled by hand.
sub relabelled
{
	my ($sql, $name) = @_;
	my $result = run_sql($node, "BEGIN; $sql; SELECT secrets.get('versions')");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{state}, 'XX001', $name) or diag("$result->{out} $result->{err}");
	return;
}
relabelled(q{UPDATE secrets_catalog.secret SET name = 'versions' || name WHERE name = 'versions'; UPDATE secrets_catalog.secret SET name = 'versions' WHERE name = 'other'},
	'another secret given the name');
relabelled(q{UPDATE secrets_catalog.version v SET version = 3 - version + 100 FROM secrets_catalog.secret s WHERE s.id = v.secret_id AND name = 'versions';
	UPDATE secrets_catalog.version v SET version = version - 100 FROM secrets_catalog.secret s WHERE s.id = v.secret_id AND name = 'versions'}, 'versions with their numbers exchanged');
relabelled(q{UPDATE secrets_catalog.secret s SET id = gen_random_uuid() WHERE name = 'other'; UPDATE secrets_catalog.secret s SET id = (SELECT secret_id FROM good LIMIT 1) WHERE false;
	WITH n AS (SELECT gen_random_uuid() AS id), u AS (UPDATE secrets_catalog.version v SET secret_id = n.id FROM n, secrets_catalog.secret s WHERE v.secret_id = s.id AND s.name = 'versions')
	UPDATE secrets_catalog.secret s SET id = n.id FROM n WHERE name = 'versions'}, 'another id');
# Committed: where others see the row still, the worker of the audit takes the key into memory again.
value($node, q{CREATE TABLE kept_key AS SELECT * FROM secrets_catalog.master_key; DELETE FROM secrets_catalog.master_key});
value($node, q{SELECT secrets.seal(), secrets.unseal()});
relabelled('SELECT 1', 'its master key taken away');
value($node, q{INSERT INTO secrets_catalog.master_key SELECT * FROM kept_key; DROP TABLE kept_key});
is(value($node, q{SELECT secrets.get('versions')}), 'one', 'rolled back and put back, all reads');

# ---- one bad row among good ones ----

value($node, q{UPDATE secrets_catalog.version v SET value = (SELECT value FROM good g WHERE g.secret_id = (SELECT id FROM secrets.secrets WHERE name = 'other'))
	FROM secrets_catalog.secret s WHERE s.id = v.secret_id AND s.name = 'text/16'});
is(value($node, q{SELECT name, value IS NULL, problem FROM secrets.get_all('text/*') WHERE problem IS NOT NULL}), 'text/16|t|does not verify', 'get_all: the others are given');
is(value($node, q{SELECT count(*) FROM secrets.list('text/*')}), scalar @sizes, 'list: all of them');
is(value($node, q{SELECT count(*) FROM secrets.versions WHERE name LIKE 'text/%'}), scalar @sizes, 'versions: all of them');
refused($node, q{SELECT * FROM secrets.get_many('{text/1,text/16}')}, 'XX001', qr/does not verify/, 'get_many raises');
refused($node, q{SELECT secrets.rename('text/16', 'moved')}, 'XX001', qr/does not verify/, 'rename, which would seal it again');
refused($node, q{SELECT secrets.patch('text/16', '{}'::text)}, 'XX001', qr/does not verify/, 'patch, which would build on it');
is(value($node, q{SELECT secrets.put('text/16', 'new')}), 2, 'put replaces it');
is(value($node, q{SELECT secrets.get('text/16')}), 'new', 'and reads');
refused($node, q{SELECT secrets.get('text/16', stage => 'previous')}, 'XX001', qr/does not verify/, 'the old one does not');
is(value($node, q{SELECT secrets.destroy('text/16', 1)}), '', 'destroy takes it');
is(value($node, q{SELECT secrets.delete('text/16') IS NOT NULL, secrets.undelete('text/16'), secrets.rename('text/16', 'moved')}), 't||', 'then all goes again');

# ---- text that is no box ----

foreach my $text ('', 'secrets:', 'secret:AQ', 'secrets', 'SECRETS:AQEAAA', 'secrets:!', 'secrets:AQEAAA==', ' secrets:AQEAAA', "secrets:AQ\nEAAA", 'secrets:A',
	'secrets:' . 'A' x 86, 'secrets:' . 'A' x 100000, '\x0101')
{
	(my $shown = substr($text, 0, 20)) =~ s/\n/<LF>/;
	refused($node, "SELECT t::secrets.ciphertext FROM (VALUES (\$t\$$text\$t\$)) v (t)", '22P02', qr/^(?!.*AQEAAA)(?!.*A{86})/s, "input '$shown', not quoted");
}
my $good = value($node, q{SELECT value::text FROM good WHERE secret_id = (SELECT id FROM secrets.secrets WHERE name = 'versions') AND version = 1});
refused($node, "SELECT '$good$_'::secrets.ciphertext", '22P02', qr/invalid input for type/, "a good one with something after it: " . unpack('H*', $_)) foreach ('=', ' ', "\n", '+', '/', 'A!');
is(value($node, "SELECT '$good'::secrets.ciphertext::text"), $good, 'a good one, in and out');

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal|XX000/, 'no crash, no internal error');
is(status($node)->{state}, 'ready', 'the server never restarted');

done_testing();
