-- kv: generate, random_password.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

-- The kinds that there are by now.
SELECT secrets.generate('gen/p'), length(secrets.get('gen/p')), secrets.get('gen/p') ~ '^[A-Za-z0-9._~-]{32}$';
SELECT secrets.generate('gen/p'), secrets.get('gen/p') <> secrets.get('gen/p', stage => 'previous');
SELECT secrets.generate('gen/t', 'token'), secrets.get('gen/t') ~ '^[A-Za-z0-9_-]{43}$';
SELECT secrets.generate('gen/t', 'token', '{"length": 16}'), secrets.get('gen/t') ~ '^[A-Za-z0-9_-]{22}$';
SELECT secrets.generate('gen/b', 'bytes'), length(secrets.get_bytes('gen/b')), pg_temp.state($$secrets.get('gen/b')$$);
SELECT secrets.generate('gen/b', 'bytes', '{"length": 64}'), length(secrets.get_bytes('gen/b'));
SELECT secrets.generate('gen/u', 'uuid'), secrets.get('gen/u') ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', secrets.get('gen/u')::uuid IS NOT NULL;
-- Metadata stays, as in put.
SELECT secrets.alter('gen/u', description => 'kept'), secrets.generate('gen/u', 'uuid');
SELECT description, current_version FROM secrets.describe('gen/u');

-- Options of a password.
SELECT secrets.generate('gen/p', 'password', '{"length": 4096}'), length(secrets.get('gen/p'));
SELECT secrets.generate('gen/p', options => '{"length": 200, "classes": ["digit"]}'), secrets.get('gen/p') ~ '^[0-9]{200}$';
SELECT secrets.generate('gen/p', options => '{"length": 500, "classes": ["lower", "punctuation"], "exclude": "abc\"''"}'), length(secrets.get('gen/p')), secrets.get('gen/p') ~ '^[^A-Z0-9abc"''._~-]*$';
-- Each class at least once, however short.
SELECT count(*) FROM generate_series(1, 200) i WHERE secrets.generate('gen/p', options => '{"length": 4, "classes": ["lower", "upper", "digit", "symbol"]}') > 0
	AND secrets.get('gen/p') ~ '[a-z]' AND secrets.get('gen/p') ~ '[A-Z]' AND secrets.get('gen/p') ~ '[0-9]' AND secrets.get('gen/p') ~ '[._~-]';
SELECT secrets.current_version('gen/p') AS v \gset
SELECT options, pg_temp.state($$secrets.generate('gen/p', 'password', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"length": 0}'), ('{"length": -1}'), ('{"length": 4097}'), ('{"length": 2}'), ('{"length": "canary"}'), ('{"length": 1.5}'), ('{"length": 1e99}'), ('{"length": null}'), ('{"length": 4294967328}'),
	('{"canary": 1}'), ('[]'), ('"canary"'), ('{"classes": "digit"}'), ('{"classes": ["canary"]}'), ('{"classes": [1]}'), ('{"classes": []}'), ('{"classes": {}}'), ('{"classes": [["digit"]]}'),
	('{"exclude": 1}'), ('{"classes": ["digit"], "exclude": "0123456789"}'), ('{"Length": 32}')) v (options);
SELECT pg_temp.try($$secrets.generate('gen/p', 'password', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"canary": 1}'), ('{"length": 0}'), ('{"classes": ["canary"]}'), ('{"classes": []}'), ('{"classes": ["digit"], "exclude": "canary0123456789"}')) v (options);
SELECT kind, options, pg_temp.state($$secrets.generate('gen/p', $1[1], $1[2]::jsonb)$$, kind, options) FROM (VALUES
	('token', '{"length": 15}'), ('token', '{"length": 4097}'), ('token', '{"exclude": ""}'), ('bytes', '{"length": 15}'), ('bytes', '{"canary": 1}'), ('uuid', '{"length": 32}')) v (kind, options);
SELECT pg_temp.try($$secrets.generate('gen/p', $1[1])$$, 'canary');
SELECT pg_temp.state($$secrets.generate('gen/p', 'Password')$$), pg_temp.state($$secrets.generate('gen/p', '')$$);
SELECT pg_temp.try($$secrets.generate(NULL)$$), pg_temp.try($$secrets.generate('gen/p', NULL)$$), pg_temp.try($$secrets.generate('gen/p', 'password', NULL)$$);
SELECT pg_temp.try($$secrets.generate($1[1])$$, 'a canary');
SELECT secrets.current_version('gen/p') = :v;

-- A password that is stored nowhere.
SELECT secrets.random_password() ~ '^[A-Za-z0-9._~-]{32}$', length(secrets.random_password(64)), secrets.random_password() <> secrets.random_password();
SELECT count(*) FROM generate_series(1, 100) WHERE secrets.random_password(8, 'lIO01') ~ '[lIO01]';
SELECT pg_temp.try($$secrets.random_password(3)$$), pg_temp.state($$secrets.random_password(2)$$), pg_temp.state($$secrets.random_password(0)$$), pg_temp.state($$secrets.random_password(4097)$$), pg_temp.state($$secrets.random_password(-2147483648)$$);
SELECT pg_temp.try($$secrets.random_password(8, $1[1])$$, '0123456789canary');
SELECT pg_temp.try($$secrets.random_password(NULL)$$), pg_temp.try($$secrets.random_password(8, NULL)$$);

-- No character is favoured: each of the 66 comes about 3,100 times, give or take eight standard deviations.
SELECT count(*), min(n) > total / 66 * 0.85, max(n) < total / 66 * 1.15 FROM (
	SELECT c, count(*) AS n, sum(count(*)) OVER () AS total
	FROM generate_series(1, 50) i, LATERAL regexp_split_to_table(secrets.random_password(4096 + 0 * i), '') c
	GROUP BY c) counts GROUP BY total;

-- Keys.  Their public halves are there for whoever may list.
SELECT secrets.generate('key/ssh', 'ssh_ed25519', '{"comment": "deploy@ci"}'), secrets.get('key/ssh') ~ '^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/]{70}\n)+[A-Za-z0-9+/=]{1,70}\n-----END OPENSSH PRIVATE KEY-----\n$';
SELECT version, public_key ~ '^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43} deploy@ci$' FROM secrets.versions WHERE name = 'key/ssh';
SELECT secrets.generate('key/ssh', 'ssh_ed25519');
SELECT version, public_key ~ '^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$', length(public_key) FROM secrets.versions WHERE name = 'key/ssh' ORDER BY version;
-- Both halves are of one key.
CREATE FUNCTION pg_temp.base64(pem text) RETURNS bytea LANGUAGE sql RETURN decode(regexp_replace(pem, '-----[A-Z ]+-----', '', 'g'), 'base64');
SELECT position(decode(split_part(public_key, ' ', 2), 'base64') IN pg_temp.base64(secrets.get('key/ssh', version => version))) > 0 FROM secrets.versions WHERE name = 'key/ssh';
SELECT algorithm, secrets.generate('key/' || algorithm, 'keypair', jsonb_build_object('algorithm', algorithm)) FROM unnest('{ed25519,ecdsa_p256,p256,rsa_2048,rsa_3072,rsa,rsa_4096}'::text[]) algorithm;
SELECT secrets.generate('key/default', 'keypair');
SELECT name, public_key ~ '^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n$', length(pg_temp.base64(public_key)),
	secrets.get(name) ~ '^-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END PRIVATE KEY-----\n$', length(pg_temp.base64(secrets.get(name))) BETWEEN least AND most
	FROM secrets.versions JOIN (VALUES ('key/default', 48, 48), ('key/ecdsa_p256', 138, 138), ('key/ed25519', 48, 48), ('key/p256', 138, 138), ('key/rsa', 1785, 1800),
	('key/rsa_2048', 1210, 1225), ('key/rsa_3072', 1785, 1800), ('key/rsa_4096', 2365, 2380)) sizes (name, least, most) USING (name) ORDER BY name;
SELECT options, pg_temp.state($$secrets.generate('key/bad', 'ssh_ed25519', $1[1]::jsonb)$$, options::text) FROM (VALUES
	('{"canary": 1}'::jsonb), ('{"comment": 1}'), ('{"comment": null}'), ('{"comment": "two\nlines canary"}'), ('{"comment": "canary\u0001"}'), (jsonb_build_object('comment', 'canary' || chr(127))), ('[]')) v (options);
SELECT pg_temp.state($$secrets.generate('key/bad', 'ssh_ed25519', jsonb_build_object('comment', repeat('c', 256)))$$), pg_temp.state($$secrets.generate('key/long', 'ssh_ed25519', jsonb_build_object('comment', repeat('c', 255)))$$);
SELECT options, pg_temp.state($$secrets.generate('key/bad', 'keypair', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"algorithm": "canary"}'), ('{"algorithm": ""}'), ('{"algorithm": "RSA"}'), ('{"algorithm": "rsa_1024"}'), ('{"algorithm": 2048}'), ('{"bits": 2048}'), ('{"comment": "x"}')) v (options);
SELECT pg_temp.try($$secrets.generate('key/bad', 'keypair', $1[1]::jsonb)$$, '{"algorithm": "canary"}');
SELECT pg_temp.try($$secrets.generate('key/bad', 'ssh_ed25519', $1[1]::jsonb)$$, '{"comment": "canary\n"}');
SELECT pg_temp.state($$secrets.describe('key/bad')$$);

-- Certificates: one that signs itself, a CA, and what it signs.
SELECT secrets.generate('key/self', 'x509', '{"common_name": "self.example.com"}'), secrets.get('key/self') ~ '^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$';
SELECT public_key ~ '^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$', right(secrets.get(name), length(public_key)) = public_key FROM secrets.versions WHERE name = 'key/self';
-- It ends, and so does the secret: no second later, and 90 days after it was made.
SELECT expires_at = date_trunc('second', expires_at), expires_at - created_at BETWEEN '90 days -1 seconds' AND '90 days' FROM secrets.secrets WHERE name = 'key/self';
SELECT secrets.generate('ca/root', 'x509', '{"common_name": "Root", "is_ca": true, "days": 3650}'), secrets.generate('ca/middle', 'x509', '{"common_name": "Middle", "is_ca": true, "days": 20, "ca": "ca/root", "algorithm": "ed25519"}');
SELECT secrets.generate('key/web', 'x509', '{"common_name": "web", "alt_names": ["db1.example.com", "*.example.org", "10.0.0.1", "2001:db8::1"], "ca": "ca/middle"}');
-- The chain: its own, that of the CA, and that of the CA above.
SELECT secrets.get('key/web') ~ '^-----BEGIN PRIVATE KEY-----', regexp_count, right(secrets.get('key/web'), length(m.public_key || r.public_key)) = m.public_key || r.public_key
	FROM secrets.versions m, secrets.versions r, LATERAL (SELECT count(*) AS regexp_count FROM regexp_matches(secrets.get('key/web'), '-----BEGIN CERTIFICATE-----', 'g')) c WHERE m.name = 'ca/middle' AND r.name = 'ca/root';
-- None outlives who signed it.
SELECT name, expires_at - created_at < '20 days 1 second' FROM secrets.secrets WHERE name IN ('ca/middle', 'ca/root', 'key/web') ORDER BY name;
SELECT m.expires_at = w.expires_at FROM secrets.secrets m, secrets.secrets w WHERE m.name = 'ca/middle' AND w.name = 'key/web';
SELECT options, pg_temp.state($$secrets.generate('key/cert', 'x509', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"alt_names": ["a.example.com"]}'), ('{"common_name": "not a dns name"}'), ('{"common_name": "x", "alt_names": []}'), ('{"common_name": "x", "days": 1}'), ('{"common_name": "x", "days": 36500}'),
	('{"common_name": "x", "algorithm": "ed25519"}'), ('{"common_name": "x", "algorithm": "rsa_2048", "is_ca": false}'), ('{"common_name": "x", "alt_names": ["::ffff:1.2.3.4", "localhost", "a_b"]}')) v (options);
SELECT options, pg_temp.state($$secrets.generate('key/bad', 'x509', $1[1]::jsonb)$$, options) FROM (VALUES
	('{}'), ('{"common_name": ""}'), ('{"common_name": 1}'), ('{"common_name": "canary\n"}'), ('{"common_name": "Caf\u00e9 canary"}'), ('{"alt_names": []}'), ('{"alt_names": "a"}'), ('{"alt_names": [1]}'), ('{"alt_names": {}}'),
	('{"common_name": "x", "alt_names": ["canary.example.com", "the canary"]}'), ('{"common_name": "x", "alt_names": ["1.2.3.256"]}'), ('{"common_name": "x", "alt_names": ["10.0.0.0/8"]}'), ('{"common_name": "x", "alt_names": [""]}'),
	('{"common_name": "x", "alt_names": ["a,DNS:b"]}'), ('{"common_name": "x", "days": 0}'), ('{"common_name": "x", "days": -1}'), ('{"common_name": "x", "days": 36501}'), ('{"common_name": "x", "days": "90"}'),
	('{"common_name": "x", "algorithm": "canary"}'), ('{"common_name": "x", "is_ca": "yes"}'), ('{"common_name": "x", "is_ca": null}'), ('{"common_name": "x", "ca": 1}'), ('{"common_name": "x", "ca": "no canary"}'),
	('{"common_name": "x", "canary": 1}')) v (options);
SELECT pg_temp.state($$secrets.generate('key/bad', 'x509', jsonb_build_object('common_name', repeat('x', 65)))$$), pg_temp.state($$secrets.generate('key/bad', 'x509', jsonb_build_object('alt_names', ARRAY[repeat('x', 60) || '.example'])) $$),
	pg_temp.state($$secrets.generate('key/cert', 'x509', jsonb_build_object('common_name', repeat('x', 64)))$$), pg_temp.state($$secrets.generate('key/cert', 'x509', jsonb_build_object('alt_names', (SELECT array_agg('a' || i) FROM generate_series(1, 100) i)))$$),
	pg_temp.state($$secrets.generate('key/bad', 'x509', jsonb_build_object('alt_names', (SELECT array_agg('a' || i) FROM generate_series(1, 101) i)))$$);
SELECT pg_temp.try($$secrets.generate('key/bad', 'x509', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"common_name": "canary\n"}'), ('{"common_name": "x", "alt_names": ["canary", "the canary"]}'), ('{"common_name": "x", "days": 0}'), ('{"common_name": "x", "alt_names": [], "canary": 1}')) v (options);

-- CAs that are none, or no longer, or not yet.
SELECT secrets.put('ca/password', 'a canary'), secrets.put_bytes('ca/bytes', '\x00ff'), secrets.put('ca/empty', '');
SELECT secrets.put('ca/ended', E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEICWefQ4gcIbdsUCA9Bw2PcvV86bL3/qod7uInZUJPOBa\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIBIDCB06ADAgECAhEAxWeGhKJT14PdpWsdXmeOtzAFBgMrZXAwEDEOMAwGA1UE\nAwwFRW5kZWQwHhcNMDEwOTA5MDE0MTQwWhcNMDEwOTEwMDE0NjQwWjAQMQ4wDAYD\nVQQDDAVFbmRlZDAqMAUGAytlcAMhANmLB9C8jxHIIhqJ0+yTE0eDk5t5w0NLrSRn\nU0FvyKb7o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNV\nHQ4EFgQUHLvjoGbpiLRC+mOCe3A8uPG3+OUwBQYDK2VwA0EAV0OpdVRlQeA1D5Cn\ncSkduKSxRYjVsmGGA9r7UVlGxWB3dpf+krM/b7a5+kxizRqlBmVVQj9iZ08+MegA\niWBaAA==\n-----END CERTIFICATE-----\n');
SELECT secrets.put('ca/not-begun', E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINHecd4en4yxNGSnolMZi49/gxtV1OafYLZCsah7whyI\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIBLDCB36ADAgECAhEAk+RYw++Te/xmXdiFpwUm2jAFBgMrZXAwFDESMBAGA1UE\nAwwJTm90IGJlZ3VuMCIYDzIwOTkxMjMxMjM1NTAwWhgPMjEwMDAxMDIwMDAwMDBa\nMBQxEjAQBgNVBAMMCU5vdCBiZWd1bjAqMAUGAytlcAMhAAhmZJ2GjiCOAZllUxQv\n3RlTn/gJUKUuE7v6Q0Z2UfQ2o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB\n/wQEAwIBBjAdBgNVHQ4EFgQUEumJeGHwZlXj6+8o7rv49y9EZF0wBQYDK2VwA0EA\n5jW30DzCtfgmn8UxeZl4oO6BUdU/mjVw9rbKzA24QaVhsyfDodCgRAzs6KLGZOm1\nP6Ely7V9lqePzYq2oo4XDA==\n-----END CERTIFICATE-----\n');
SELECT secrets.put('ca/short', E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILIWwCYzNEM/wg5kZnNx+AdfvXj81L2UKmIuZhPpa1V9\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIBSTCB/KADAgECAhRZPSOKS7vOAsfeUmYKsFSR9g9WPzAFBgMrZXAwEDEOMAwG\nA1UEAwwFU2hvcnQwIBcNMDEwMTAxMDAwMDAwWhgPMjEwMDEyMDgwMDAwMDBaMBAx\nDjAMBgNVBAMMBVNob3J0MCowBQYDK2VwAyEASedrsRDQcMmmvxbae2irY4fBWTJ+\nAYL0razowMKnoZSjZjBkMB0GA1UdDgQWBBR6jVJznJ4zHoeF9hOrngG9smk6oDAf\nBgNVHSMEGDAWgBR6jVJznJ4zHoeF9hOrngG9smk6oDASBgNVHRMBAf8ECDAGAQH/\nAgEAMA4GA1UdDwEB/wQEAwICBDAFBgMrZXADQQCcXLR5r4I5L4CKM36bULUj6q24\nIZV2zJbCdOqLMyhpezkZUthBTbh4O8xAyACScCWsowb8DijAGQzF2m0/hZoK\n-----END CERTIFICATE-----\n');
SELECT secrets.put('ca/mixed', split_part(secrets.get('ca/root'), '-----BEGIN CERTIFICATE-----', 1) || (SELECT public_key FROM secrets.versions WHERE name = 'ca/middle'));
SELECT ca, pg_temp.try($$secrets.generate('key/bad', 'x509', jsonb_build_object('common_name', 'x', 'ca', $1[1]))$$, ca) FROM unnest('{ca/password,ca/bytes,ca/empty,ca/mixed,ca/ended,ca/not-begun,key/self,key/ed25519,ca/absent}'::text[]) ca;
SELECT pg_temp.state($$secrets.generate('key/cert', 'x509', '{"common_name": "x", "ca": "ca/short"}')$$), pg_temp.try($$secrets.generate('key/bad', 'x509', '{"common_name": "x", "ca": "ca/short", "is_ca": true}')$$);
SELECT secrets.disable('ca/middle');
SELECT pg_temp.try($$secrets.generate('key/bad', 'x509', '{"common_name": "x", "ca": "ca/middle"}')$$);
SELECT secrets.enable('ca/middle'), secrets.alter('ca/middle', expires_at => now() - interval '1 second');
SELECT pg_temp.try($$secrets.generate('key/bad', 'x509', '{"common_name": "x", "ca": "ca/middle"}')$$);
SELECT pg_temp.state($$secrets.describe('key/bad')$$);

-- What has ended is renewed by what brings an end of its own, and by nothing else.
SELECT secrets.alter('key/self', expires_at => now() - interval '1 second');
SELECT pg_temp.state($$secrets.get('key/self')$$), pg_temp.state($$secrets.generate('key/self')$$), pg_temp.state($$secrets.generate('key/self', 'keypair')$$), pg_temp.state($$secrets.generate('key/self', 'x509', '{"common_name": "x", "days": 2}')$$), pg_temp.state($$length(secrets.get('key/self')) > 0$$);
-- Another kind leaves the end as it is.
SELECT secrets.generate('key/self'), expires_at > now() + interval '1 day' FROM secrets.secrets WHERE name = 'key/self';

-- Who may use a CA: whoever may sign with it, or read it.
CREATE ROLE gen_signer; CREATE ROLE gen_reader; CREATE ROLE gen_lister; CREATE ROLE gen_nobody;
SELECT count(secrets.grant('write', 'made/**', role)) FROM unnest('{gen_signer,gen_reader,gen_lister,gen_nobody}'::text[]) role;
SELECT secrets.grant('sign', 'ca/**', 'gen_signer') IS NOT NULL, secrets.grant('read', 'ca/**', 'gen_reader') IS NOT NULL, secrets.grant('list', '**', 'gen_lister') IS NOT NULL;
SELECT role, pg_temp.as_role(role, $$secrets.generate('made/' || $1[1], 'x509', '{"common_name": "x", "ca": "ca/root"}')$$, role) AS issued, pg_temp.as_role(role, $$secrets.generate('made/x', 'x509', '{"common_name": "x", "ca": "ca/absent"}')$$) AS absent,
	pg_temp.as_role(role, $$secrets.get('ca/root') IS NOT NULL$$) AS got, pg_temp.as_role(role, $$secrets.generate('elsewhere', 'x509', '{"common_name": "x", "ca": "ca/root"}')$$) AS elsewhere,
	pg_temp.as_role(role, $$(SELECT count(public_key) > 3 FROM secrets.versions WHERE name LIKE 'key/%')$$) AS sees
	FROM unnest('{gen_signer,gen_reader,gen_lister,gen_nobody}'::text[]) role;
-- Denied, and he may not read it either.
SELECT secrets.deny('sign', 'ca/root', 'gen_signer') IS NOT NULL, pg_temp.as_role('gen_signer', $$secrets.generate('made/y', 'x509', '{"common_name": "x", "ca": "ca/root"}')$$);
-- That it was used is in the log, as signing, with its version; and how it was refused.
SELECT role, action, name, version, outcome, reason FROM secrets.audit_log WHERE role LIKE 'gen\_%' AND name LIKE 'ca/%' ORDER BY event_id;

-- The server remembers how.
SELECT secrets.generate('how', options => '{"length": 20}'), secrets.put('how', 'by hand'), secrets.put('never', 'by hand');
SELECT name, generator FROM secrets_catalog.secret WHERE name IN ('how', 'never') ORDER BY name;
SELECT secrets.generate('how', 'keypair', '{"algorithm": "p256"}'), secrets.generate('never', 'uuid'), secrets.patch('how2', '{}') FROM secrets.put('how2', '{}') v;
SELECT secrets.rename('how', 'how/renamed'), secrets.delete('never') > now();
SELECT secrets.undelete('never'), secrets.rollback('how/renamed', 1), secrets.alter('how/renamed', description => 'd');
SELECT name, generator FROM secrets_catalog.secret WHERE name IN ('how/renamed', 'how2', 'never') ORDER BY name;
SELECT pg_temp.try($$secrets.generate('how3', options => jsonb_build_object('exclude', repeat('x', 66000)))$$), pg_temp.state($$secrets.generate('how3', options => jsonb_build_object('exclude', repeat('x', 65000)))$$);
-- The log says that it changed, and not how.
SELECT version, detail FROM secrets.audit_log WHERE name = 'how' AND action = 'write' ORDER BY event_id;
UPDATE secrets_catalog.secret SET generator = '{"kind": "token"}' WHERE name = 'never';
UPDATE secrets_catalog.version v SET public_half = 'by hand' FROM secrets_catalog.secret s WHERE s.id = v.secret_id AND s.name = 'how/renamed' AND v.version = 3;
SELECT name, version, via, detail FROM secrets.audit_log WHERE via = 'direct' AND name IN ('never', 'how/renamed') ORDER BY event_id;

-- A public half stays with its version, and goes with its value.
SELECT secrets.generate('half', 'ssh_ed25519'), secrets.put('half', 'x'), secrets.generate('half', 'ssh_ed25519');
SELECT version, public_key LIKE 'ssh-ed25519 %' FROM secrets.versions WHERE name = 'half' ORDER BY version;
SELECT secrets.rename('half', 'half/renamed'), secrets.disable('half/renamed', 1);
SELECT version, state, public_key LIKE 'ssh-ed25519 %' FROM secrets.versions WHERE name = 'half/renamed' ORDER BY version;
SELECT secrets.destroy('half/renamed', 3), secrets.enable('half/renamed', 1);
SELECT version, state, public_key LIKE 'ssh-ed25519 %' FROM secrets.versions WHERE name = 'half/renamed' ORDER BY version;
SELECT v.version, v.public_half IS NULL FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id WHERE s.name = 'half/renamed' ORDER BY v.version;

SELECT pg_temp.forget_rules();
DROP ROLE gen_signer, gen_reader, gen_lister, gen_nobody;

SELECT pg_temp.clean();
