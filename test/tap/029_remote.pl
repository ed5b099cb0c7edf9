# The rotator "postgres": a role of another server, by an admin's credential or by its
# own.  Two servers, and between them a link that is cut, or stands still, after each
# piece that passes: whatever happens, at most one tick later the stored password logs
# in.  With SECRETS_SOAK=1 each cut is tried in both ways, and a backend is killed after
# each piece.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select ();
use IO::Socket::INET ();
use IPC::Run ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes ();

# ---- certificates ----

my $dir = PostgreSQL::Test::Utils::tempdir();

sub openssl
{
	my (@command) = @_;
	my $out = '';

	IPC::Run::run([ 'openssl', @command ], '<', \undef, '>&', \$out) or die "openssl @command: $out";
	return;
}

sub make_authority
{
	my ($name) = @_;

	openssl('req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-days', '2', '-subj', "/CN=$name",
		'-keyout', "$dir/$name.key", '-out', "$dir/$name.crt");
	return "$dir/$name.crt";
}

my $ca = make_authority('ca');
my $other_ca = make_authority('other');
append_to_file("$dir/server.ext", "subjectAltName = DNS:localhost\n");
openssl('req', '-new', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=localhost', '-keyout', "$dir/server.key", '-out', "$dir/server.csr");
openssl('x509', '-req', '-in', "$dir/server.csr", '-CA', $ca, '-CAkey', "$dir/ca.key", '-set_serial', '1', '-days', '2',
	'-extfile', "$dir/server.ext", '-out', "$dir/server.crt");
chmod 0600, "$dir/server.key";

# ---- the other server ----

my $strange = 'x"; drop';
my %first = map { $_ => "first password of $_" } qw(fake admin weak own app plain trusting nologin expired clear md5);
my $remote = PostgreSQL::Test::Cluster->new('remote');

# Who is asked for what, and over which transport.
sub write_hba
{
	unlink $remote->data_dir . '/pg_hba.conf';
	append_to_file($remote->data_dir . '/pg_hba.conf', join '', map { "$_\n" } @_);
	return;
}

my @hba = (
	'local all postgres trust',
	'local all all scram-sha-256',
	'hostssl all trusting 127.0.0.1/32 trust',
	'hostssl all md5 127.0.0.1/32 md5',
	'hostssl all clear 127.0.0.1/32 password',
	'hostnossl all plain 127.0.0.1/32 scram-sha-256',
	'hostssl all all 127.0.0.1/32 scram-sha-256');

sub there { my ($sql) = @_; return $remote->safe_psql('postgres', $sql); }

$remote->init;
configure($remote, "log_statement = none\nlisten_addresses = '127.0.0.1'\nssl = on\nssl_cert_file = '$dir/server.crt'\nssl_key_file = '$dir/server.key'\npassword_encryption = 'scram-sha-256'\n");
write_hba(@hba);
$remote->start;
there(qq{CREATE ROLE "$_" LOGIN PASSWORD '$first{$_}'}) foreach keys %first;
there(<<'END');
CREATE ROLE boss CREATEROLE;
GRANT boss TO admin;
ALTER ROLE admin SET role = 'boss';
ALTER ROLE nologin NOLOGIN;
ALTER ROLE expired VALID UNTIL '2000-01-01';
ALTER ROLE own SET default_transaction_read_only = on;
CREATE ROLE somebody;
GRANT somebody TO own;
ALTER ROLE own SET role = 'somebody';
CREATE ROLE "x""; drop" LOGIN;
SET password_encryption = 'md5';
ALTER ROLE md5 PASSWORD 'first password of md5';
END
there(qq{GRANT "$_" TO boss WITH ADMIN OPTION}) foreach $remote->pg_version >= 16 ? (grep({ $_ ne 'admin' } keys %first), 'x""; drop') : ();

# Whether one can log in with it, over TLS; or why not.
sub lets_in
{
	my ($role, $password) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGPASSWORD} = $password;
	my $ok = IPC::Run::run(
		[ 'psql', '-XAtq', '-d', 'host=localhost sslmode=require dbname=postgres port=' . $remote->port, '-U', $role, '-c', 'SELECT session_user' ],
		'<', \undef, '>', \$out, '2>', \$err);

	return 1 if $ok && $out eq "$role\n";
	return 0 if $err =~ /password authentication failed/;
	die "neither in nor refused: $out$err";
}

# ---- the link ----

my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die "cannot listen: $!";
my $link_port = $listener->sockport;
my $link;

# A process that carries what comes, and counts the pieces.
#
#	cut => N	the link is down from there on: what would be piece N + 1 is lost
#	at_once => 1	it is down with piece N, not only when there is another
#	stall => N	piece N + 1 and all after it wait until resume()
#
# It tells when it stands still, and in the end how many pieces came and whether it was cut.
sub carry
{
	my ($tell, %how) = @_;
	my $all = IO::Select->new($listener);
	my (%peer, $count, $down, $stalled);
	my $close = sub { foreach my $socket (@_) { $all->remove($socket); close $socket; } };
	my $cut = sub { $down = 1; $close->(grep { $_ != $listener } $all->handles); %peer = (); };

	$count = 0;
	local $SIG{PIPE} = 'IGNORE';
	local $SIG{USR1} = sub { $stalled = 0; };
	local $SIG{TERM} = sub { syswrite $tell, $count . ' ' . ($down ? 1 : 0) . "\n"; POSIX::_exit(0); };
	$down = 1 if defined $how{cut} && $how{cut} == 0 && $how{at_once};
	syswrite $tell, "ready\n";
	for (;;)
	{
		foreach my $socket ($all->can_read(1))
		{
			if ($socket == $listener)
			{
				my $client = $listener->accept or next;
				my $server = $down ? undef : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $remote->port);
				close($client), next unless $server;
				$peer{$client} = $server;
				$peer{$server} = $client;
				$all->add($client, $server);
				next;
			}
			my $other = $peer{$socket} or next;
			my $n = sysread $socket, my $piece, 65536;
			if (!$n)
			{
				delete @peer{ $socket, $other };
				$close->($socket, $other);
				next;
			}
			$count++;
			$cut->(), last if defined $how{cut} && $count > $how{cut};
			if (defined $how{stall} && !defined $stalled && $count > $how{stall})
			{
				$stalled = 1;
				syswrite $tell, "stalled\n";
				Time::HiRes::sleep(0.01) while $stalled;
			}
			syswrite $other, $piece;
			$cut->(), last if $how{at_once} && $count == $how{cut};
		}
	}
	return;
}

sub start_link
{
	my (%how) = @_;

	die 'there is a link' if $link;
	pipe(my $hear, my $tell) or die $!;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	if (!$pid)
	{
		close $hear;
		eval { carry($tell, %how); 1 } or print STDERR "the link: $@";
		POSIX::_exit(1);
	}
	close $tell;
	$link = { pid => $pid, hear => $hear };
	readline($hear) eq "ready\n" or die 'the link did not come up';
	return;
}

sub has_stalled { return IO::Select->new($link->{hear})->can_read(0) && readline($link->{hear}) eq "stalled\n"; }
sub resume { kill 'USR1', $link->{pid}; return; }

# How many pieces came, and whether it was cut.
sub end_link
{
	my $said = '';

	resume();
	kill 'TERM', $link->{pid};
	while (defined(my $line = readline $link->{hear})) { $said = $line; }
	waitpid $link->{pid}, 0;
	$link = undef;
	$said =~ /^(\d+) ([01])$/ or die "the link says: $said";
	return ($1, $2);
}

END
{
	my $code = $?;
	kill 'KILL', $link->{pid} if $link;
	$? = $code;
}

# ---- this server, started from a shell in which somebody has been at work ----

my $node = new_node('here', start => 0, extension => 0, conf => "restart_after_crash = on\nfsync = on\n");
{
	append_to_file("$dir/pass", '*:*:*:*:wrong');
	chmod 0600, "$dir/pass";
	local %ENV = (
		%ENV,
		PGHOSTADDR => '192.0.2.1', PGSERVICE => 'nowhere', PGSSLMODE => 'disable', PGUSER => 'trusting', PGPASSWORD => 'wrong',
		PGPASSFILE => "$dir/pass", PGOPTIONS => '-c role=somebody -c statement_timeout=1', PGTARGETSESSIONATTRS => 'standby',
		PGSSLROOTCERT => $other_ca, PGSSLCERT => "$dir/server.crt", PGSSLKEY => "$dir/server.key", PGCHANNELBINDING => 'disable',
		PGREQUIREPEER => 'nobody', PGREQUIREAUTH => 'none', PGSSLMAXPROTOCOLVERSION => 'TLSv1.2', PGCLIENTENCODING => 'LATIN1',
		PGGSSENCMODE => 'require', PGSSLNEGOTIATION => 'direct', PGSSLCERTMODE => 'require', PGAPPNAME => 'nobody');
	$node->start;
}
value($node, 'CREATE EXTENSION secrets; CREATE ROLE keeper LOGIN; CREATE ROLE stranger LOGIN');

sub quoted { my ($text) = @_; $text =~ s/'/''/g; return "'$text'"; }
sub json { my (%members) = @_; return '{' . join(', ', map { qq{"$_": "} . ($members{$_} =~ s/(["\\])/\\$1/gr) . '"' } sort keys %members) . '}'; }

# What the test itself writes into a statement is no finding.
sub put
{
	my ($name, $value) = @_;

	return value($node, "SET log_statement = none; SET log_min_duration_statement = -1; SELECT secrets.put('$name', " . quoted($value) . ')');
}

# Over the link by default, and proven.
sub options
{
	my (%options) = (host => 'localhost', port => $link_port, sslrootcert => $ca, @_);

	delete $options{$_} foreach grep { !defined $options{$_} } keys %options;
	return quoted(json(%options));
}

sub schedule_sql { my ($name, @options) = @_; return "SELECT secrets.schedule_rotation('$name', 'manual', 'postgres', " . options(@options) . ')'; }
sub schedule { my ($name, @options) = @_; return value($node, schedule_sql($name, @options)); }
sub rotate_now { my ($name) = @_; return run_sql($node, "CALL secrets.rotate_now('$name')"); }
sub tick { return value($node, 'CALL secrets.tick()'); }
sub make_due { my ($name) = @_; return value($node, "UPDATE secrets_catalog.rotation r SET next_at = now() FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name = '$name'"); }
sub how_it_stands { my ($name) = @_; return value($node, "SELECT last_status, failures, coalesce(last_error, '') FROM secrets.rotations WHERE name = '$name'"); }

my %passwords;	# all that there ever were

sub password_of
{
	my ($name, $stage) = @_;
	my $value = value($node, "SELECT secrets.get('$name', stage => '" . ($stage || 'current') . "')");

	$value = $1 if $value =~ /"password" *: *"([^"]+)"/;
	$passwords{$value} = $name;
	return $value;
}

# The stored password logs in, the one before does not, and nothing is on its way.
sub in_step
{
	my ($name, $role, $version) = @_;
	my @wrong;

	push @wrong, 'the stored password does not log in' unless lets_in($role, password_of($name));
	push @wrong, 'the one before does' if lets_in($role, password_of($name, 'previous'));
	push @wrong, 'something is on its way' if value($node, "SELECT count(*) FROM secrets.versions WHERE name = '$name' AND 'pending' = ANY (stages)");
	push @wrong, 'it is ' . how_it_stands($name) if how_it_stands($name) ne 'succeeded|0|';
	my $current = value($node, "SELECT secrets.current_version('$name')");
	push @wrong, "version $current" if defined $version && $current != $version;
	return join ', ', @wrong;
}

put('pg/admin', json(username => 'admin', password => $first{admin}));
put('pg/weak', json(username => 'weak', password => $first{weak}));
put('pg/app', $first{app});
put('pg/own', json(username => 'own', password => $first{own}, dbname => 'template1', uri => "postgresql://own:first%20password%20of%20own\@localhost:$link_port/template1"));
put("pg/$_", $first{$_}) foreach qw(plain trusting nologin expired clear md5 fake);
put('pg/strange', 'none yet');
put('pg/nobody', 'none yet');
$passwords{$_} = 'first' foreach values %first;

# From here on everything is logged that can be, on both sides.
my $logging = <<'END';
log_statement = all
log_min_duration_statement = 0
log_error_verbosity = verbose
log_connections = on
log_min_messages = debug1
END
foreach my $server ($node, $remote)
{
	configure($server, $logging, 'reload');
	wait_for(sub { $server->safe_psql('postgres', 'SHOW log_min_messages') eq 'debug1' }, 'reload');
}

# ---- both ways ----

start_link();
schedule('pg/app', role => 'app', admin => 'pg/admin');
is(rotate_now('pg/app')->{state}, '', 'by an admin: rotated');
is(in_step('pg/app', 'app', 2), '', 'by an admin: in step');
schedule('pg/own', role => undef, port => undef);
is(value($node, q{SELECT secrets.get('pg/own', 'password')}), $first{own}, 'scheduling changes nothing');
my $answer = rotate_now('pg/own');
is($answer->{state}, '08006', 'no port, and none in the value: the usual one, where nothing answers');
like($answer->{err}, qr/the role cannot log in on the other server: Connection refused/, 'with words');
unlike($answer->{err}, qr/localhost|"own"/, 'without names');
schedule('pg/own', role => undef);
is(rotate_now('pg/own')->{state}, '', 'by itself: rotated');
is(in_step('pg/own', 'own', 2), '', 'by itself: in step');
my $own = password_of('pg/own');
is(value($node, q{SELECT secrets.get('pg/own', 'uri')}), "postgresql://own:$own\@localhost:$link_port/template1", 'and the uri with it');
is(value($node, q{SELECT secrets.get('pg/own', 'dbname')}), 'template1', 'what else there is stays');
make_due('pg/own');
tick();
is(in_step('pg/own', 'own', 3), '', 'by the tick');
schedule('pg/strange', role => $strange, admin => 'pg/admin');
is(rotate_now('pg/strange')->{state}, '', "a role called $strange");
is(in_step('pg/strange', $strange, 2), '', 'in step');
is(rotate_now('pg/strange')->{state}, '', 'again');
schedule('pg/strange', role => $strange);
is(rotate_now('pg/strange')->{state}, '', 'and by itself');
is(in_step('pg/strange', $strange, 4), '', 'in step');
like(log_since($remote), qr/application_name=secrets rotation/, 'it says who it is');

# In a transaction: the version that is to come, and after the commit it comes.
is($node->safe_psql('postgres', qq{BEGIN; SELECT secrets.rotate('pg/app'); ROLLBACK}), 3, 'rotate() says which version');
is(in_step('pg/app', 'app', 2), '', 'rolled back: nothing happened');
my $before = password_of('pg/app');
is($node->safe_psql('postgres', qq{BEGIN; SELECT secrets.rotate('pg/app'); SELECT secrets.current_version('pg/app'); COMMIT}), "3\n2", 'in a transaction nothing yet');
wait_for(sub { value($node, q{SELECT secrets.current_version('pg/app')}) == 3 }, 'the worker');
is(in_step('pg/app', 'app', 3), '', 'after its commit, without a tick');
isnt(password_of('pg/app'), $before, 'another password');
refused($node, qq{BEGIN; CALL secrets.rotate_now('pg/app')}, '25001', qr/transaction block/, 'rotate_now() in a transaction block');

# Other ways to get there.
schedule('pg/own', role => undef, host => $remote->host, port => $remote->port, sslrootcert => undef);
is(rotate_now('pg/own')->{state}, '', 'over a Unix socket, as a superuser says');
is(in_step('pg/own', 'own', 4), '', 'in step');
schedule('pg/plain', role => 'plain', sslmode => 'disable', port => $remote->port);
is(rotate_now('pg/plain')->{state}, '', 'without TLS');
is(there(q{SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'plain'}), 't', 'a verifier there');
my $port = $remote->port;
value($node, "SELECT secrets.schedule_rotation('pg/app', '30 days', 'postgres', '" . qq({"host": "localhost", "port": $port, "role": "app", "admin": "pg/admin", "sslrootcert": "$ca", "length": 50, "classes": ["digit"], "timezone": "UTC"}) . q{')});
is(rotate_now('pg/app')->{state}, '', 'a port that is a number, options of the clock and of the password');
like(password_of('pg/app'), qr/^\d{50}$/, 'so it is');
is(in_step('pg/app', 'app', 4), '', 'in step');

# Where the secrets say where.
put('pg/app', json(username => 'app', password => password_of('pg/app'), host => 'localhost', port => $link_port));
schedule('pg/app', host => undef, port => undef, admin => 'pg/admin');
is(rotate_now('pg/app')->{state}, '', 'the place in the value');
is(in_step('pg/app', 'app', 6), '', 'in step');
put('pg/admin', json(username => 'admin', password => $first{admin}, host => 'localhost', port => $link_port));
put('pg/app', password_of('pg/app'));
schedule('pg/app', host => undef, port => undef, role => 'app', admin => 'pg/admin');
is(rotate_now('pg/app')->{state}, '', "the place in the admin's");
is(in_step('pg/app', 'app', 8), '', 'in step');
end_link();

# ---- what is refused when it is scheduled ----

sub not_scheduled
{
	my ($state, $pattern, $what, $name, @options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return refused($node, schedule_sql($name, @options), $state, $pattern, $what);
}

not_scheduled('22023', qr/unknown option/, 'an unknown option', 'pg/app', role => 'app', user => 'app');
not_scheduled('22023', qr/unknown sslmode/, 'sslmode', 'pg/app', role => 'app', sslmode => 'full');
not_scheduled('22023', qr/unknown sslmode/, 'an empty sslmode', 'pg/app', role => 'app', sslmode => '');
not_scheduled('22023', qr/port/, "port $_", 'pg/app', role => 'app', port => $_) foreach ('', '0', '65536', '5432,5433', '-1', 'x', '5432 ');
not_scheduled('22023', qr/host/, "host $_", 'pg/app', role => 'app', host => $_) foreach ('a,b', 'a b', '/tmp,/var', 'a/b', "a\\nb");
not_scheduled('22023', qr/"host" is missing/, 'no host', 'pg/plain', role => 'plain', host => undef);
not_scheduled('22023', qr/"role" is missing/, 'no role', 'pg/plain');
not_scheduled('22023', qr/"role" is missing/, 'an empty role', 'pg/plain', role => '');
not_scheduled('22023', qr/name/, 'no name of an admin', 'pg/app', role => 'app', admin => 'a//b');
not_scheduled('22023', qr/exclude/, 'an option of the password', 'pg/app', role => 'app', exclude => 'abcdefghijklmnopqrstuvwxyz');
not_scheduled('42704', qr/no such secret/, 'an admin who is not there', 'pg/app', role => 'app', admin => 'pg/none');
not_scheduled('22023', qr/another role/, 'itself as its admin', 'pg/own', admin => 'pg/own');
not_scheduled('22023', qr/another role/, 'an admin who is the role', 'pg/app', role => 'admin', admin => 'pg/admin');
not_scheduled('55000', qr/no username/, 'an admin without a name', 'pg/app', role => 'app', admin => 'pg/plain');
foreach my $sslmode (qw(disable allow prefer))
{
	not_scheduled('22023', qr/"host" is missing/, "$sslmode: the host in the value", 'pg/app', role => 'app', admin => 'pg/admin', host => undef, sslmode => $sslmode);
	not_scheduled('22023', qr/"port" is missing/, "$sslmode: the port in the value", 'pg/app', role => 'app', admin => 'pg/admin', port => undef, sslmode => $sslmode);
}
my $system = run_sql($node, schedule_sql('pg/app', role => 'app', admin => 'pg/admin', sslrootcert => 'system'));
like($system->{state}, qr/^(?:|22023)$/, 'sslrootcert "system", where libpq knows it');
value($node, q{SELECT secrets.put_bytes('pg/binary', '\xff00')});
not_scheduled('55000', qr/binary/, 'a binary value', 'pg/binary', role => 'app');

# Who may.
value($node, q{SELECT secrets.grant('list, rotate', 'pg/**', 'keeper')});
my $as_keeper = sub { my ($name, @options) = @_; return 'SET ROLE keeper; ' . schedule_sql($name, role => 'app', sslrootcert => undef, @options); };
value($node, q{SELECT secrets.grant('write', 'pg/app', 'keeper')});
refused($node, $as_keeper->('pg/app'), '42501', qr/permission denied/, 'without read on the secret');
value($node, q{SELECT secrets.grant('read', 'pg/app', 'keeper'); SELECT secrets.revoke('write', 'pg/app', 'keeper')});
refused($node, $as_keeper->('pg/app'), '42501', qr/permission denied/, 'without write on it');
value($node, q{SELECT secrets.grant('write', 'pg/app', 'keeper')});
is(run_sql($node, $as_keeper->('pg/app'))->{state}, '', 'with it, by itself');
refused($node, $as_keeper->('pg/app', admin => 'pg/admin'), '42501', qr/permission denied/, "without read on the admin's");
value($node, q{SELECT secrets.grant('read', 'pg/admin', 'keeper')});
is(run_sql($node, $as_keeper->('pg/app', admin => 'pg/admin'))->{state}, '', 'with it');
foreach my $host ('/tmp', '@abstract', '', $remote->host)
{
	refused($node, $as_keeper->('pg/app', host => $host), '42501', qr/Unix socket/, "no superuser, host $host");
}
refused($node, $as_keeper->('pg/app', sslrootcert => $ca), '42501', qr/sslrootcert/, 'no superuser, sslrootcert');
refused($node, $as_keeper->('pg/app', sslrootcert => 'relative'), '42501', qr/sslrootcert/, 'nor a relative one');
refused($node, 'SET ROLE stranger; ' . schedule_sql('pg/app', role => 'app'), '42501', qr/permission denied/, 'a stranger');

# ---- what is refused when it is done ----

# The rotation fails so, nothing has changed, and the words are short and without a password.
sub fails
{
	my ($name, $state, $pattern, $what) = @_;
	my $version = value($node, "SELECT secrets.current_version('$name')");
	my $result = rotate_now($name);
	my ($status, $failures, $words) = split /\|/, how_it_stands($name), 3;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{state}, $state, "$what: $state") or diag($result->{err});
	like($words, $pattern, "$what: last_error");
	ok(length $words <= 300 && $words !~ /[\n\t]/, "$what: one line");
	is(value($node, "SELECT secrets.current_version('$name')"), $version, "$what: the value is as it was");
	return;
}

# The next run brings them together.
sub recovers
{
	my ($name, $role, $what) = @_;

	make_due($name);
	tick();
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(in_step($name, $role), '', "$what: the next tick goes on");
}

start_link();
schedule('pg/app', role => 'app', admin => 'pg/admin', sslrootcert => $other_ca);
fails('pg/app', '08006', qr/certificate verify failed/, 'another CA');
schedule('pg/app', role => 'app', admin => 'pg/admin', host => '127.0.0.1');
fails('pg/app', '08006', qr/does not match host name|server certificate/, 'verify-full, another name in the certificate');
schedule('pg/app', role => 'app', admin => 'pg/admin', host => '127.0.0.1', sslmode => 'verify-ca');
is(rotate_now('pg/app')->{state}, '', 'verify-ca asks for no name');
is(in_step('pg/app', 'app'), '', 'in step');
schedule('pg/app', role => 'app', admin => 'pg/admin', host => 'no-such-host.invalid');
fails('pg/app', '08006', qr/could not translate|cannot log in/, 'no such host');
unlike(how_it_stands('pg/app'), qr/no-such-host/, 'which is not named');
schedule('pg/app', role => 'app', admin => 'pg/admin', host => $dir);
fails('pg/app', '08006', qr/No such file or directory/, 'no such socket');
schedule('pg/app', role => 'app', admin => 'pg/admin');
recovers('pg/app', 'app', 'when it is right');

# Nothing but SCRAM, bound to the certificate; which of the two libpq says depends on its version.
my $unproven = qr/channel binding required|authentication method requirement/;
schedule('pg/trusting', role => 'trusting');
fails('pg/trusting', '08006', $unproven, 'trust, by itself');
schedule('pg/trusting', role => 'trusting', sslmode => 'prefer');
fails('pg/trusting', $node->pg_version >= 16 ? '08006' : '55000', qr/without a password|authentication method requirement/, 'trust, and libpq satisfied with it');
schedule('pg/trusting', role => 'trusting', admin => 'pg/admin');
fails('pg/trusting', '08006', $unproven, 'trust, after an admin changed it');
schedule('pg/md5', role => 'md5');
fails('pg/md5', '08006', $unproven, 'md5');
schedule('pg/clear', role => 'clear');
fails('pg/clear', '08006', $unproven, 'a server that asks for the password itself');
schedule('pg/md5', role => 'md5', admin => 'pg/admin');
is(rotate_now('pg/md5')->{state}, '', 'until an admin has given it a verifier that is none');
schedule('pg/nobody', role => 'nobody', admin => 'pg/admin');
fails('pg/nobody', '55000', qr/refuses to change the password/, 'no such role, as an admin');
schedule('pg/nobody', role => 'nobody');
fails('pg/nobody', '55000', qr/neither the stored password nor the new one/, 'no such role, as itself');
there('CREATE ROLE nobody LOGIN');
there('GRANT nobody TO boss WITH ADMIN OPTION') if $remote->pg_version >= 16;
schedule('pg/nobody', role => 'nobody', admin => 'pg/admin');
recovers('pg/nobody', 'nobody', 'when it is there');
schedule('pg/nologin', role => 'nologin', admin => 'pg/admin');
fails('pg/nologin', '55000', qr/refuses the login of the role: role "\.\.\." is not permitted to log in/, 'a role that cannot log in');
there('ALTER ROLE nologin LOGIN');
recovers('pg/nologin', 'nologin', 'when it can');
schedule('pg/expired', role => 'expired');
fails('pg/expired', '55000', qr/neither/, 'a password that has expired');
schedule('pg/expired', role => 'expired', admin => 'pg/admin');
fails('pg/expired', '55000', qr/has its new password, and the other server does not take it/, 'the same, with an admin');
there("ALTER ROLE expired VALID UNTIL 'infinity'");
recovers('pg/expired', 'expired', 'when it has not');
schedule('pg/app', role => 'app', admin => 'pg/weak');
fails('pg/app', '55000', qr/refuses to change the password/, 'an admin without rights');
put('pg/weak', json(username => 'weak', password => 'another'));
fails('pg/app', '55000', qr/refuses the admin's password/, 'an admin who is out of step');
schedule('pg/app', role => 'app', admin => 'pg/admin');
recovers('pg/app', 'app', 'with a better one');

# Somebody changes the password there.
there(q{ALTER ROLE own PASSWORD 'by hand'});
schedule('pg/own', role => undef);
fails('pg/own', '55000', qr/neither the stored password nor the new one/, 'a password that was changed there');
put('pg/own', json(username => 'own', password => 'by hand'));
recovers('pg/own', 'own', 'when it is stored');

# The other server is full, or away.
there('ALTER ROLE app CONNECTION LIMIT 0');
fails('pg/app', '55000', qr/refuses the login of the role: too many connections/, 'no connection left');
there('ALTER ROLE app CONNECTION LIMIT -1');
recovers('pg/app', 'app', 'when there is one');
$remote->stop;
fails('pg/app', '08006', qr/cannot log in on the other server: /, 'a server that is down');
fails('pg/own', '08006', qr/cannot log in on the other server: /, 'for both ways');
$remote->start;
recovers($_, substr($_, 3), 'when it is up') foreach ('pg/app', 'pg/own');

# Somebody holds the role's row there: given up after a while, and nothing is done later.
my ($holder, $session) = (open_session($remote));
$holder->ask('BEGIN; ALTER ROLE app PASSWORD NULL');
fails('pg/app', '55000', qr/lock timeout/, 'a row that is locked');
$holder->ask('ROLLBACK');
$holder->close;
recovers('pg/app', 'app', 'when it is not');

# And lets it go while ours waits for it: that is no failure.
$holder = open_session($remote);
$holder->ask(q{BEGIN; ALTER ROLE app PASSWORD 'by hand'});
$session = open_session($node);
$session->send(q{CALL secrets.rotate_now('pg/app')});
wait_for(sub { there(q{SELECT count(*) FROM pg_locks WHERE NOT granted}) > 0 }, 'one to wait for the other');
$holder->ask('COMMIT');
is($session->answer->{state}, '', 'two who change one role');
is(in_step('pg/app', 'app'), '', 'in step');
$_->close foreach ($holder, $session);

# Rights that are taken away count at the next run.
is(run_sql($node, $as_keeper->('pg/app', admin => 'pg/admin'))->{state}, '', 'scheduled by one who may read both');
value($node, q{SELECT secrets.revoke('read', 'pg/admin', 'keeper')});
my $verifier = there(q{SELECT rolpassword FROM pg_authid WHERE rolname = 'app'});
fails('pg/app', '42501', qr/permission denied: .* admin's secret/, "read on the admin's revoked");
value($node, q{SELECT secrets.grant('read', 'pg/admin', 'keeper'); SELECT secrets.revoke('read', 'pg/app', 'keeper')});
fails('pg/app', '42501', qr/permission denied: .*: read/, 'read on the secret revoked');
is(there(q{SELECT rolpassword FROM pg_authid WHERE rolname = 'app'}), $verifier, 'nothing was done there');
value($node, q{ALTER ROLE keeper SUPERUSER});
is(run_sql($node, $as_keeper->('pg/app', admin => 'pg/admin', sslrootcert => $ca))->{state}, '', 'scheduled by a superuser');
value($node, q{ALTER ROLE keeper NOSUPERUSER; SELECT secrets.grant('read', 'pg/app', 'keeper')});
fails('pg/app', '42501', qr/sslrootcert/, 'who is none any more');
schedule('pg/app', role => 'app', admin => 'pg/admin');
recovers('pg/app', 'app', 'scheduled again');

# Each time the admin's value is used a line says so.
my $reads = q{SELECT count(*) FROM secrets.audit_log WHERE action = 'read' AND outcome = 'allowed' AND name = 'pg/%s' AND id IS NOT NULL AND version IS NOT NULL};
my $count = value($node, sprintf $reads, 'admin');
rotate_now('pg/app');
wait_for(sub { value($node, sprintf $reads, 'admin') >= $count + 1 }, "lines about the admin's secret");
$count = value($node, sprintf $reads, 'own');
rotate_now('pg/own');
wait_for(sub { value($node, sprintf $reads, 'own') >= $count + 1 }, 'lines about the secret itself');
pass('what is used is in the log');

# ---- nothing is left over ----

# Sockets of a backend.
sub sockets { my ($pid) = @_; return scalar grep { (readlink($_) || '') =~ /^socket:/ } glob "/proc/$pid/fd/*"; }

$session = open_session($node);
my $pid = $session->value('SELECT pg_backend_pid()');
$session->ask(q{CALL secrets.rotate_now('pg/own')});
my $sockets = sockets($pid);
end_link();
foreach my $cut (0, 3, 9, 12, 16)
{
	start_link(cut => $cut);
	is($session->ask(q{CALL secrets.rotate_now('pg/own')})->{state}, '08006', "cut after $cut in one session");
	end_link();
	is(sockets($pid), $sockets, 'the connection is closed');
}

# Somebody who does not want to wait.
foreach my $stall (0, 8, 12)
{
	start_link(stall => $stall);
	$session->send(q{CALL secrets.rotate_now('pg/own')});
	wait_for(\&has_stalled, 'the link to stand still');
	value($node, "SELECT pg_cancel_backend($pid)");
	is($session->answer->{state}, '57014', "cancelled while the link stands still after $stall");
	is(sockets($pid), $sockets, 'the connection is closed');
	end_link();
}
$session->close;
start_link();
recovers('pg/own', 'own', 'cut and cancelled');
end_link();

# ---- somebody else's server ----

# Answers the first message with the bytes of $answers[0], and so on; tells what it was sent.
sub impostor
{
	my (@answers) = @_;
	my $here = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "cannot listen: $!";

	pipe(my $hear, my $tell) or die $!;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	if (!$pid)
	{
		alarm 60;
		local $SIG{PIPE} = 'IGNORE';
		my $client = $here->accept;
		while (sysread $client, my $said, 65536)
		{
			syswrite $tell, $said;
			my $answer = @answers ? shift @answers : '';
			syswrite $client, ref $answer ? $answer->($said) : $answer;
			last unless @answers;
		}
		close $client;
		POSIX::_exit(0);
	}
	return { pid => $pid, hear => $hear, tell => $tell, port => $here->sockport };
}

sub told
{
	my ($impostor) = @_;
	local $/;

	close $impostor->{tell};
	my $said = readline $impostor->{hear};
	waitpid $impostor->{pid}, 0;
	return defined $said ? $said : '';
}

sub message { my ($type, $body) = @_; return $type . pack('N', 4 + length $body) . $body; }
sub complaint { return message('E', join('', map { "$_\0" } 'SFATAL', 'VFATAL', 'C28000', 'M' . $_[0], 'Dyour DETAIL', '')); }

my $asks = message('R', pack 'N', 3);
my $repeats = sub { my ($password) = $_[0] =~ /^p....(.*)\0$/s; return complaint("wrong:\r\e[31m\xff $password and " . unpack('H*', $password) . ' ' . 'x' x 1000 . "\nand more"); };
my $fake = impostor($asks, $repeats);
schedule('pg/fake', role => 'fake', sslmode => 'disable', port => $fake->{port}, sslrootcert => undef);
fails('pg/fake', $node->pg_version >= 16 ? '08006' : '55000', qr/^(?:the other server refuses the login of the role: wrong:  \[31m\? |.*authentication method requirement)/,
	'no TLS, and asked for the password itself');
unlike(how_it_stands('pg/fake'), qr/password of|\Q${\unpack('H*', $first{fake})}\E|DETAIL|[^ -~]/, 'which is repeated nowhere');
my $said = told($fake);
like($said, $node->pg_version >= 16 ? qr/^[^p]*user\0fake\0/ : qr/first password of fake/, 'a libpq before 16 says it without TLS, as the manual warns');

$fake = impostor('N');
schedule('pg/fake', role => 'fake', port => $fake->{port});
fails('pg/fake', '08006', qr/does not support SSL/, 'a server without TLS');
unlike(told($fake), qr/fake/, 'is told nothing at all');
$fake = impostor($asks, '');
schedule('pg/fake', role => 'fake', sslmode => 'require', port => $fake->{port}, sslrootcert => undef);
fails('pg/fake', '08006', qr/cannot log in/, 'one that does not even speak of it');
unlike(told($fake), qr/fake/, 'neither');

# It lets everybody in, and then answers without end.
my $in = message('R', pack 'N', 0) . message('S', "server_version\0".'15.0'."\0") . message('K', pack 'NN', 1, 1) . message('Z', 'I');
$fake = impostor($in);
schedule('pg/fake', role => 'fake', sslmode => 'disable', port => $fake->{port}, sslrootcert => undef);
fails('pg/fake', $node->pg_version >= 16 ? '08006' : '55000', qr/without a password|authentication method requirement/, 'one that lets everybody in');
unlike(told($fake), qr/password/, 'is told no password');

# ---- the link is cut ----

# By the procedure or by the tick; whether it came through.
sub run_once
{
	my ($name, $by_tick) = @_;

	return rotate_now($name)->{state} if !$by_tick;
	make_due($name);
	tick();
	my ($status) = split /\|/, how_it_stands($name);
	return $status eq 'succeeded' ? '' : 'failed';
}

foreach my $name ('pg/app', 'pg/own')
{
	my $role = substr $name, 3;
	my (@out_of_step, @odd, %told);

	my $tries = 0;
	for (my $cut = 0; $cut < 200; $cut++)
	{
		my $passed;

		foreach my $at_once (soak() ? (0, 1) : $cut % 2)
		{
			my $version = value($node, "SELECT secrets.current_version('$name')");

			start_link(cut => $cut, at_once => $at_once);
			my $state = run_once($name, ($cut >> 1) % 2);
			my ($pieces, $down) = end_link();
			$passed = !$down;
			$told{$state}++;
			push @odd, "$cut: $state" if $state !~ /^(?:08006|failed|)$/;
			start_link();
			run_once($name, ($cut >> 2) % 2) if $state ne '';
			end_link();
			my $problem = in_step($name, $role, $version + 1);
			push @out_of_step, "after $cut ($at_once, $state): $problem" if $problem ne '';
			$tries++;
		}
		last if $passed;
	}
	is(join("\n", @out_of_step), '', "$name, link cut at $tries points: one run later in step");
	is_deeply(\@odd, [], 'and told as a lost connection');
	cmp_ok($tries, '>', 15, 'there were some');
	cmp_ok(($told{'08006'} || 0), '>', 5, 'and they did cut') or diag(explain \%told);
}

# ---- a backend is killed ----

foreach my $name ('pg/app', 'pg/own')
{
	my $role = substr $name, 3;
	my (@out_of_step, $killed);

	for (my $stall = 0; $stall < 200; $stall += (soak() ? 1 : 4))
	{
		my $version = value($node, "SELECT secrets.current_version('$name')");
		my $session = open_session($node);
		my $pid = $session->value('SELECT pg_backend_pid()');
		my $done;

		start_link(stall => $stall);
		$session->send("CALL secrets.rotate_now('$name')");
		wait_for(sub { $session->{run}->pump_nb; $done = $session->{out} =~ /done:2:/; return $done || has_stalled(); }, 'the link to stand still, or the end');
		if ($done)
		{
			$session->close;
			end_link();
			last;
		}
		kill_and_recover($node, $pid);
		$session->answer;
		$session->close;
		# What stood still goes on to the other server, from one who is dead.
		resume();
		wait_for(sub { there(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'secrets rotation'}) == 0 }, 'it to be gone there');
		end_link();
		start_link();
		tick();
		end_link();
		my $problem = in_step($name, $role, $version + 1);
		push @out_of_step, "after $stall: $problem" if $problem ne '';
		$killed++;
	}
	is(join("\n", @out_of_step), '', "$name, killed $killed times: one tick later in step");
	cmp_ok($killed, '>', 4, 'there were some');
}

# ---- what can be found ----

my @all = grep { length > 8 } keys %passwords;
cmp_ok(scalar @all, '>', 60, 'passwords to look for');
foreach my $server ($node, $remote)
{
	$server->safe_psql('postgres', 'CHECKPOINT');
	is_deeply([ files_with($server->logfile, @all), files_with($server->data_dir, @all) ], [], $server->name . ': no password in log, data or WAL');
	# What the other server says of two ALTER ROLE at once is internal to it.
	unlike(slurp_file($server->logfile) =~ s/XX000: tuple concurrently updated//gr, qr/PANIC|TRAP|XX000/, $server->name . ': no internal error');
}
like(log_since($remote), qr/statement: ALTER ROLE "app" PASSWORD +'SCRAM-SHA-256\$/, 'the other server saw verifiers');

done_testing();
