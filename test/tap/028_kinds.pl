# Keys and certificates that the server makes, in the hands of those they are for:
# ssh-keygen, openssl, TLS, and PostgreSQL itself.  And what of them is kept where.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('kinds', conf => "log_statement = all\nlog_min_duration_statement = 0\n");
my $dir = $node->basedir . '/kinds';
my @algorithms = qw(ed25519 ecdsa_p256 rsa_2048 rsa_3072 rsa_4096);
mkdir $dir or die "$dir: $!";

# ---- helpers ----

sub write_to
{
	my ($name, $text) = @_;
	my $path = "$dir/$name";

	unlink $path;
	sysopen(my $file, $path, Fcntl::O_WRONLY() | Fcntl::O_CREAT() | Fcntl::O_EXCL(), 0600) or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
	return $path;
}

sub get { return value($node, "SELECT secrets.get('$_[0]')"); }

sub public_key
{
	my ($name) = @_;
	return value($node, "SELECT public_key FROM secrets.versions WHERE name = '$name' ORDER BY version DESC LIMIT 1");
}

sub generate
{
	my ($name, $kind, $options) = @_;
	return value($node, "SELECT secrets.generate('$name', '$kind', '$options')");
}

# What a program says, when it ends well; else why it did not.
sub says
{
	my (@command) = @_;
	my ($out, $err) = ('', '');

	return IPC::Run::run(\@command, '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(60)) ? $out : "FAILED: $out$err";
}

# ---- ssh ----

generate('ssh/named', 'ssh_ed25519', '{"comment": "deploy key of CI <ci@example.com>"}');
generate('ssh/plain', 'ssh_ed25519', '{}');
foreach my $name (qw(named plain))
{
	my $key = write_to("ssh_$name", get("ssh/$name"));
	my $public = public_key("ssh/$name") . "\n";

	is(says('ssh-keygen', '-y', '-P', '', '-f', $key), $public, "ssh-keygen -y: the public half of ssh/$name");
	my ($fingerprint) = says('ssh-keygen', '-l', '-f', $key) =~ /^256 (SHA256:\S{43}) .*\(ED25519\)$/;
	ok($fingerprint, 'ssh-keygen -l reads the private half');
	like(says('ssh-keygen', '-l', '-f', write_to("ssh_$name.pub", $public)), qr/^256 \Q$fingerprint\E .*\(ED25519\)$/, 'and the public one, which is the same key');

	# Signed with one, verified by the other.
	my $message = write_to("message_$name", "a message\n");
	unlink "$message.sig";
	unlike(says('ssh-keygen', '-q', '-Y', 'sign', '-n', 'test', '-f', $key, $message), qr/FAILED/, 'ssh-keygen signs with it');
	my $allowed = write_to("allowed_$name", "somebody $public");
	my ($out, $err) = ('', '');
	ok(IPC::Run::run([ 'ssh-keygen', '-Y', 'verify', '-n', 'test', '-f', $allowed, '-I', 'somebody', '-s', "$message.sig" ], '<', $message, '>', \$out, '2>', \$err), 'and verifies') or diag($out . $err);
}

# ---- key pairs ----

foreach my $algorithm (@algorithms)
{
	generate("pair/$algorithm", 'keypair', qq({"algorithm": "$algorithm"}));
	my $key = write_to("pair_$algorithm", get("pair/$algorithm"));

	like(says('openssl', 'pkey', '-in', $key, '-check', '-noout'), qr/^Key is valid$/m, "openssl pkey -check: $algorithm");
	is(says('openssl', 'pkey', '-in', $key, '-pubout'), public_key("pair/$algorithm"), "its public half is $algorithm\'s");
	is(says('openssl', 'pkey', '-in', $key), get("pair/$algorithm"), 'and openssl would write it as it is');
}

# ---- certificates ----

# A root with each algorithm, and under it one for a server and one for a client with each.
my @authorities = qw(ed25519 ecdsa_p256 rsa_2048);
my @strict = qw(openssl verify -x509_strict -check_ss_sig -purpose);
my $port = PostgreSQL::Test::Cluster::get_free_port();

# Each shows a certificate to the other, once, and the server answers; "ok", or what was said.
sub handshake
{
	my ($server, $client, $root, $protocol, $host) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $run = IPC::Run::start([ 'openssl', 's_server', '-accept', $port, '-naccept', 1, '-cert', $server, '-key', $server, '-cert_chain', $server,
			'-CAfile', $root, '-Verify', 5, '-verify_return_error', $protocol, '-www' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timer(60));

	wait_for(sub { $run->pump_nb; $out =~ /ACCEPT/ || !$run->pumpable }, 'openssl s_server');
	my ($answer, $complaint) = ('', '');
	my $good = IPC::Run::run([ 'openssl', 's_client', '-connect', "127.0.0.1:$port", '-cert', $client, '-key', $client, '-cert_chain', $client, '-CAfile', $root,
			'-verify', 5, '-verify_return_error', '-ign_eof', @$host, $protocol ], '<', \"GET / HTTP/1.0\r\n\r\n", '>', \$answer, '2>', \$complaint, IPC::Run::timeout(60));
	$run->kill_kill;
	return 'ok' if $good && $answer =~ /Verification: OK/ && $answer =~ m{HTTP/1\.0 200 ok};
	return "client: $answer$complaint server: $out$err";
}

foreach my $ca (@authorities)
{
	generate("ca/$ca", 'x509', qq({"common_name": "CA with $ca", "is_ca": true, "days": 1000, "algorithm": "$ca"}));
	my $root = write_to("root_$ca", public_key("ca/$ca"));
	my $serial = says('openssl', 'x509', '-in', $root, '-noout', '-serial');

	like($serial, qr/^serial=[0-9A-F]{20,32}$/, "a CA with $ca has a random serial number");
	is(says(@strict, 'any', '-CAfile', $root, $root), "$root: OK\n", 'openssl verify: it stands for itself');
	foreach my $algorithm (@algorithms)
	{
		next if $ca ne 'ecdsa_p256' && $algorithm =~ /rsa_[34]/;	# they take long
		generate("tls/$ca/$algorithm", 'x509', qq({"common_name": "server", "alt_names": ["db.example.com", "127.0.0.1", "::1"], "ca": "ca/$ca", "algorithm": "$algorithm"}));
		generate("tls/$ca/$algorithm/client", 'x509', qq({"common_name": "client", "ca": "ca/$ca", "algorithm": "$algorithm"}));
		my $server = write_to("server_${ca}_$algorithm", get("tls/$ca/$algorithm"));
		my $client = write_to("client_${ca}_$algorithm", get("tls/$ca/$algorithm/client"));

		like(says('openssl', 'pkey', '-in', $server, '-check', '-noout'), qr/^Key is valid$/m, "$algorithm under $ca: openssl pkey -check");
		foreach my $purpose (qw(sslserver sslclient))
		{
			is(says(@strict, $purpose, '-verify_hostname', 'db.example.com', '-CAfile', $root, $server), "$server: OK\n", "openssl verify: $purpose");
		}
		is(says(@strict, 'sslserver', '-verify_ip', '::1', '-CAfile', $root, $server), "$server: OK\n", 'openssl verify: by its address');
		like(says(@strict, 'sslserver', '-verify_hostname', 'db2.example.com', '-CAfile', $root, $server), qr/FAILED.*hostname mismatch/s, 'but not by another name');
		foreach my $protocol (qw(-tls1_2 -tls1_3))
		{
			my $host = $protocol eq '-tls1_2' ? [ '-verify_hostname', 'db.example.com' ] : [ '-verify_ip', '127.0.0.1' ];

			is(handshake($server, $client, $root, $protocol, $host), 'ok', "a handshake, $protocol");
		}
		like(handshake($server, $client, $root, '-tls1_3', [ '-verify_hostname', 'db2.example.com' ]), qr/hostname mismatch/, 'but not under another name');
	}
}

# A CA in the middle: the server brings it along.
generate('ca/middle', 'x509', '{"common_name": "in the middle", "is_ca": true, "ca": "ca/ecdsa_p256", "days": 30}');
generate('tls/deep', 'x509', '{"common_name": "db.example.com", "ca": "ca/middle", "days": 365}');
my $root = "$dir/root_ecdsa_p256";
my $deep = write_to('deep', get('tls/deep'));
is(says(@strict, 'sslserver', '-CAfile', $root, '-untrusted', $deep, $deep), "$deep: OK\n", 'openssl verify: through a CA in the middle');
like(says(@strict, 'sslserver', '-CAfile', $root, $deep), qr/FAILED.*unable to get local issuer/s, 'and not without it');
is(handshake($deep, $deep, $root, '-tls1_3', [ '-verify_hostname', 'db.example.com' ]), 'ok', 'a handshake through it');
like(handshake($deep, "$dir/client_ed25519_ed25519", $root, '-tls1_3', []), qr/alert unknown ca/, 'but a client of another CA is refused');
is(value($node, q{SELECT count(DISTINCT expires_at) FROM secrets.secrets WHERE name IN ('ca/middle', 'tls/deep')}), 1, 'which none under it outlives');
my ($not_after) = says('openssl', 'x509', '-in', $deep, '-noout', '-enddate') =~ /^notAfter=(.*)$/m;
is(value($node, qq{SELECT expires_at = timestamptz '$not_after' FROM secrets.secrets WHERE name = 'tls/deep'}), 't', 'and expires_at is what the certificate says');

# One that nobody signed: trusted for what it is.
generate('tls/self', 'x509', '{"common_name": "alone.example.com"}');
my $self = write_to('self', get('tls/self'));
is(says(@strict, 'sslserver', '-verify_hostname', 'alone.example.com', '-CAfile', $self, $self), "$self: OK\n", 'openssl verify: self-signed');

# PostgreSQL takes the value as it is, for both of its files.
my $postgres = PostgreSQL::Test::Cluster->new('tls');
$postgres->init;
$postgres->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nssl = on\nssl_cert_file = '$dir/server_ecdsa_p256_ed25519'\nssl_key_file = '$dir/server_ecdsa_p256_ed25519'\nssl_ca_file = '$root'\n");
unlink $postgres->data_dir . '/pg_hba.conf';
$postgres->append_conf('pg_hba.conf', "local all all trust\nhostssl all client 127.0.0.1/32 cert\n");
$postgres->start;
$postgres->safe_psql('postgres', 'CREATE ROLE client LOGIN');
my $connection = "hostaddr=127.0.0.1 host=db.example.com dbname=postgres user=client sslmode=verify-full sslrootcert=$root port=" . $postgres->port;
foreach my $client (qw(ecdsa_p256_ed25519 ecdsa_p256_rsa_2048))
{
	is(says('psql', '-XAtq', '-d', "$connection sslcert=$dir/client_$client sslkey=$dir/client_$client", '-c', 'SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()'),
		"t|/CN=client\n", "PostgreSQL lets in by its certificate: $client");
}
like(says('psql', '-XAtq', '-d', "$connection sslcert=$dir/client_rsa_2048_ed25519 sslkey=$dir/client_rsa_2048_ed25519", '-c', 'SELECT 1'), qr/FAILED/, 'but not one of another CA');
$postgres->stop;

# ---- kept, and not ----

# Whoever stops waiting for a large key has a session that goes on.
my $result = run_sql($node, q{SET statement_timeout = '5ms'; SELECT secrets.generate('late', 'keypair', '{"algorithm": "rsa_4096"}')});
is($result->{state}, '57014', 'a large key can be cancelled');
is(value($node, q{SELECT count(*) FROM secrets.secrets WHERE name = 'late'}), 0, 'and then there is none');

my $public_halves = q{SELECT md5(string_agg(name || version || coalesce(public_key, '-'), ' ' ORDER BY name, version)), count(public_key) FROM secrets.versions};
my $generators = q{SELECT md5(string_agg(name || coalesce(generator::text, '-') || coalesce(expires_at::text, '-'), ' ' ORDER BY name)), count(generator) FROM secrets_catalog.secret};
my $before = value($node, $public_halves) . value($node, $generators);
value($node, 'SELECT secrets.rotate_master_key(); CALL secrets.rekey()');
is(value($node, $public_halves) . value($node, $generators), $before, 'rekey leaves them as they are');

command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', "$dir/dump" ], 'pg_dump');
value($node, 'CREATE DATABASE restored TEMPLATE template0');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'pg_restore');
is(value($node, $public_halves, 'restored') . value($node, $generators, 'restored'), $before, 'a dump brings them along');
is(value($node, q{SELECT secrets.get('tls/deep')}, 'restored'), get('tls/deep'), 'with their values');
is(value($node, q{SELECT secrets.generate('tls/deep', 'x509', '{"common_name": "db.example.com", "ca": "ca/middle"}')}, 'restored'), 2, 'and a restored CA signs');

# Two rows with long columns, of which no read of a value has any need.
value($node, q{SELECT secrets.generate('toast', 'ssh_ed25519')});
my $before_toast = get('toast');
value($node, <<'END');
UPDATE secrets_catalog.version SET public_half = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i)
	WHERE secret_id = (SELECT id FROM secrets_catalog.secret WHERE name = 'toast');
UPDATE secrets_catalog.secret SET generator = jsonb_build_object('kind', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i)) WHERE name = 'toast';
END
my @toasted = map { value($node, "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE oid = 'secrets_catalog.$_'::regclass") } qw(version secret);

# Of a private half nothing is in any file, whatever is logged.
$node->stop;
my %telling = (ssh_named => 4, pair_ed25519 => 1, pair_rsa_2048 => 12, server_ecdsa_p256_ecdsa_p256 => 1, deep => 1);	# lines that are no part of the public half
foreach my $name (sort keys %telling)
{
	my $line = (split /\n/, slurp_file("$dir/$name"))[ $telling{$name} ];

	is_deeply([ map { files_with($_, $line) } $node->data_dir, $node->logfile, "$dir/$name" ], [ "$dir/$name" ], "the private half of $name is in no file of the server");
}
# So that whoever reaches for the long columns finds none.
truncate($node->data_dir . "/$_", 0) or die "$_: $!" foreach @toasted;
$node->start;
is(get('toast'), $before_toast, 'a value is read without its public half, and without how it was made');
is(value($node, q{SELECT version, state, size > 300 FROM secrets.versions WHERE name = 'toast'}), '1|enabled|t', 'versions are listed without it');
is(value($node, q{SELECT count(*) FROM secrets.secrets WHERE name = 'toast'}), 1, 'and secrets');
is(run_sql($node, q{SELECT public_key FROM secrets.versions WHERE name = 'toast'})->{state}, 'XX001', 'but whoever asks for it hears that it is gone');

is(value($node, q{SELECT count(*) FROM secrets.verify_audit() WHERE kind NOT LIKE '%direct%'}), 0, 'the log is whole');
is(value($node, q{SELECT count(*) > 20 FROM secrets.audit_log WHERE action = 'sign' AND outcome = 'allowed' AND name LIKE 'ca/%' AND version = 1}), 't', 'and says how often a CA signed');

done_testing();
