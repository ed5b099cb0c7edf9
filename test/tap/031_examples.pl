# The worked examples, as their READMEs say, against Debian's MariaDB and Redis: private
# servers, which are not there before and not after.  Whoever tests this has the packages
# mariadb-server-core, mariadb-client-core, redis-tools (which has the server in it),
# python3-pymysql and PL/Python: without one, this fails.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $examples = "$FindBin::RealBin/../../examples";
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my %running;

# Output of a command; undef where it fails.
sub output_of
{
	my (@command) = @_;
	my ($out, $err) = ('', '');

	return IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err) ? $out : undef;
}

sub program
{
	my ($name) = @_;
	my ($path) = grep { -x $_ } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/bin';

	return $path || die "$name is not installed";
}

sub start
{
	my ($name, @command) = @_;

	$running{$name} = IPC::Run::start(\@command, '<', \undef, '>>', "$dir/$name.out", '2>&1');
	return;
}

sub stop
{
	my ($name) = @_;

	$running{$name}->kill_kill(grace => 20) if $running{$name};
	delete $running{$name};
	return;
}

END
{
	my $status = $?;
	stop($_) foreach keys %running;
	$? = $status;
}

sub random_password { return 'First-' . unpack('H*', new_key()); }

# Its own authority, for localhost; and another that nobody knows.
foreach my $name (qw(server other))
{
	defined output_of('openssl', 'req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-days', '2', '-subj', '/CN=localhost',
		'-addext', 'subjectAltName = DNS:localhost', '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt") or die 'openssl';
}

# ---- PostgreSQL ----

# What this test itself puts by hand is in its own parameters.
my $node = new_node('examples', conf => <<'END');
log_statement = all
log_parameter_max_length = 0
log_min_messages = debug2
log_error_verbosity = verbose
END

sub sql_as
{
	my ($role, $sql) = @_;
	return run_sql($node, $sql, params => [ '-U', $role ]);
}

sub literal { my ($text) = @_; $text =~ s/'/''/g; return "'$text'"; }

sub json
{
	my (%members) = @_;
	return '{' . join(', ', map { qq{"$_": "$members{$_}"} } sort keys %members) . '}';
}

sub password_of { my ($name, $how) = @_; return value($node, "SELECT secrets.get('$name', 'password'" . ($how || '') . ')'); }
sub row { my ($name) = @_; return value($node, "SELECT last_status, failures, coalesce(last_error, '') FROM secrets.rotations WHERE name = '$name'"); }

value($node, 'CREATE SCHEMA rotators');
foreach my $example (qw(mariadb redis))
{
	local $ENV{PGOPTIONS} = '-c search_path=rotators';
	is(run_sql($node, slurp_file("$examples/$example/rotate_$example.sql"))->{state}, '', "$example: the function is made");
}
value($node, q{CREATE ROLE rotation LOGIN; GRANT USAGE ON SCHEMA rotators TO rotation});
foreach my $example (qw(mariadb redis))
{
	value($node, <<"END");
GRANT EXECUTE ON FUNCTION rotators.rotate_$example TO rotation;
SELECT secrets.grant('list, read, write, rotate', 'shop/$example', 'rotation');
SELECT secrets.grant('read', 'admin/$example', 'rotation');
END
}

sub schedule
{
	my ($name, $function, %options) = @_;
	my $result = sql_as('rotation', "SELECT secrets.schedule_rotation('$name', 'manual', 'rotators.$function', " . literal(json(%options)) . ')');

	die $result->{err} if $result->{state} ne '';
	return;
}

# Every password that PostgreSQL made: none of them may be in a file of anybody's.
my @made;

sub rotates
{
	my ($name, $what) = @_;
	my $before = password_of($name);
	my $result = sql_as('rotation', "CALL secrets.rotate_now('$name')");
	my $after = password_of($name);

	push @made, $after;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($result->{state} eq '' && $after ne $before, "$name: $what: it has another password") || diag($result->{err});
	return ($before, $after);
}

# It fails with that SQLSTATE and text, and the value is what it was.
sub fails
{
	my ($name, $state, $pattern, $what) = @_;
	my $before = password_of($name);
	my $result = sql_as('rotation', "CALL secrets.rotate_now('$name')");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($result->{state} eq $state && $result->{err} =~ $pattern, "$name: $what: $state") || diag($result->{err});
	is(password_of($name), $before, "$name: $what: the value is as it was");
	like(row($name), qr/^failed\|\d+\|step /, "$name: $what: it is written down");
	return;
}

# One step by itself, as the superuser, who may: for what is between two.
sub step
{
	my ($name, $function, $step, $candidate, %options) = @_;

	value($node, "SELECT rotators.$function('$name', '$step', " . literal($candidate) . ', ' . literal(json(%options)) . ')');
	return;
}

# Whoever reads the password and logs in, over and over, while it is rotated so often.  He
# is refused only where he read it just before it was replaced.
sub reconnects
{
	my ($name, $rotations, $login) = @_;
	my ($in, $late) = (0, 0);
	my $script = ("CALL secrets.rotate_now('$name');\nSELECT secrets.get('$name', 'password');\n" x $rotations) . "\\q\n";
	my $got = '';
	my $rotating = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-U', 'rotation', '-d', $node->connstr('postgres') ],
		'<', \$script, '>', \$got);

	while ($rotating->pumpable)
	{
		my $password = password_of($name);

		$rotating->pump_nb;
		if ($login->($password)) { $in++; next; }
		wait_for(sub { password_of($name) ne $password }, "$name: another password instead of the one that is refused");
		$late++;
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($rotating->finish, "$name: $rotations rotations");
	push @made, split /\n/, $got;
	cmp_ok($in, '>', 0, "$name: nobody is locked out");
	note("$name: $in logins, $late too late");
	return;
}

# ---- MariaDB ----

my ($mariadbd, $mariadb) = map { program($_) } qw(mariadbd mariadb);
my $mariadb_port = PostgreSQL::Test::Cluster::get_free_port();

sub start_mariadb
{
	start('mariadb', $mariadbd, '--no-defaults', "--datadir=$dir/mariadb", "--socket=$dir/mariadb.sock", "--port=$mariadb_port",
		'--bind-address=127.0.0.1', '--skip-name-resolve', "--pid-file=$dir/mariadb.pid", "--ssl-cert=$dir/server.crt",
		"--ssl-key=$dir/server.key", '--general-log=1', "--general-log-file=$dir/mariadb/general.log");
	wait_for(sub { defined mariadb_says('root', '', 'SELECT 1') }, 'MariaDB');
	return;
}

sub mariadb_says
{
	my ($user, $password, $sql) = @_;
	local $ENV{MYSQL_PWD} = $password;

	return output_of($mariadb, '--no-defaults', '-BN', "--socket=$dir/mariadb.sock", '-u', $user, '-e', $sql);
}

sub mariadb_lets_in { my ($password) = @_; return defined mariadb_says('shop', $password, 'SELECT 1'); }

my %first = map { $_ => random_password() } qw(rotator shop weak redis_rotator redis_shop);
defined output_of(program('mariadb-install-db'), '--no-defaults', "--datadir=$dir/mariadb", '--auth-root-authentication-method=normal',
	'--skip-test-db', '--skip-name-resolve') or die 'mariadb-install-db';
start_mariadb();
defined mariadb_says('root', '', <<"END") or die 'MariaDB: no accounts';
SET GLOBAL general_log = 0;
DELETE FROM mysql.global_priv WHERE user = '';
FLUSH PRIVILEGES;
CREATE USER rotator\@'%' IDENTIFIED BY '$first{rotator}';
GRANT CREATE USER ON *.* TO rotator\@'%';
CREATE USER shop\@'%' IDENTIFIED BY '$first{shop}';
CREATE USER weak\@'%' IDENTIFIED BY '$first{weak}';
SET GLOBAL general_log = 1;
END
ok(mariadb_lets_in($first{shop}), 'MariaDB: the account is there');

my $client = open_client($node);
$client->prepare('put', 'SELECT secrets.put($1, $2)');
$client->run('put', 'admin/mariadb', json(username => 'rotator', password => $first{rotator}));
$client->run('put', 'admin/redis', json(username => 'rotator', password => $first{redis_rotator}));
$client->run('put', 'shop/mariadb', json(username => 'shop', password => $first{shop}, host => 'localhost'));
$client->run('put', 'shop/redis', json(username => 'shop', password => $first{redis_shop}));

my %options = (host => 'localhost', port => $mariadb_port, ca => "$dir/server.crt", admin => 'admin/mariadb');
schedule('shop/mariadb', 'rotate_mariadb', %options);
my ($old, $new) = rotates('shop/mariadb', 'over TLS');
is($old, $first{shop}, 'MariaDB: it was the first one');
ok(mariadb_lets_in($new), 'MariaDB: the new one logs in');
ok(!mariadb_lets_in($old), 'MariaDB: the old one does not');
is(value($node, q{SELECT secrets.get('shop/mariadb')::jsonb - 'password'}), '{"host": "localhost", "username": "shop"}', 'MariaDB: the rest of the secret is as it was');

# Between the steps both are good; done again it is the same.
my $third = random_password();
step('shop/mariadb', 'rotate_mariadb', $_, json(username => 'shop', password => $third), %options) foreach qw(create set set test);
ok(mariadb_lets_in($new) && mariadb_lets_in($third), 'MariaDB: after set and test both log in');
step('shop/mariadb', 'rotate_mariadb', 'finish', json(username => 'shop', password => $third), %options);
ok(!mariadb_lets_in($new) && mariadb_lets_in($third), 'MariaDB: after finish the new one alone');
rotates('shop/mariadb', 'though the stored one is not good any more');

# A password alone, by the socket.
$client->run('put', 'shop/mariadb', password_of('shop/mariadb'));
value($node, q{SELECT secrets.rollback('shop/mariadb')});
schedule('shop/mariadb', 'rotate_mariadb', socket => "$dir/mariadb.sock", user => 'shop', account_host => '%', admin => 'admin/mariadb');
rotates('shop/mariadb', 'by the socket');
ok(mariadb_lets_in(password_of('shop/mariadb')), 'MariaDB: by the socket: it logs in');

# What cannot be.
my %wrong = (%options, ca => "$dir/other.crt");
schedule('shop/mariadb', 'rotate_mariadb', %wrong);
fails('shop/mariadb', '38000', qr/CERTIFICATE_VERIFY_FAILED/i, 'a certificate that nobody answers for');
delete $wrong{ca};
schedule('shop/mariadb', 'rotate_mariadb', %wrong, host => 'db.example.com');
fails('shop/mariadb', '38000', qr/another machine needs TLS/, 'another machine without TLS');
schedule('shop/mariadb', 'rotate_mariadb', %options, user => 'nobody');
fails('shop/mariadb', '38000', qr/step "set" failed: .*ALTER USER failed for 'nobody'\@'%'/i, 'an account that is not there');
value($node, 'REVOKE EXECUTE ON FUNCTION rotators.rotate_mariadb FROM rotation');
is(sql_as('rotation', q{CALL secrets.rotate_now('shop/mariadb')})->{state}, '42501', 'MariaDB: without EXECUTE on the function');
value($node, 'GRANT EXECUTE ON FUNCTION rotators.rotate_mariadb TO rotation');
value($node, q{SELECT secrets.revoke('read', 'admin/mariadb', 'rotation')});
schedule('shop/mariadb', 'rotate_mariadb', %options);
fails('shop/mariadb', '42501', qr/step "set" failed: .*permission denied, or no such secret/, 'who may not read the credential of the admin');
value($node, q{SELECT secrets.grant('read', 'admin/mariadb', 'rotation')});
$client->run('put', 'admin/mariadb', json(username => 'weak', password => $first{weak}));
fails('shop/mariadb', '38000', qr/step "set" failed: .*CREATE USER privilege/i, 'an admin who may not');
$client->run('put', 'admin/mariadb', json(username => 'rotator', password => 'not it, 12345'));
fails('shop/mariadb', '38000', qr/step "set" failed: .*Access denied for user 'rotator'/i, 'an admin whose password is not good');
$client->run('put', 'admin/mariadb', json(username => 'rotator', password => $first{rotator}));

# The server goes away, and comes back: it goes on with the same candidate.
stop('mariadb');
fails('shop/mariadb', '38000', qr/step "set" failed: .*Can't connect/, 'no server');
my $pending = password_of('shop/mariadb', q{, stage => 'pending'});
start_mariadb();
(undef, $new) = rotates('shop/mariadb', 'when it is back');
is($new, $pending, 'MariaDB: with the candidate that was waiting');
ok(mariadb_lets_in($new), 'MariaDB: which logs in');
reconnects('shop/mariadb', soak() ? 100 : 10, \&mariadb_lets_in);

like(slurp_file("$dir/mariadb/general.log"), qr/IDENTIFIED VIA mysql_native_password USING '\*[0-9A-F]{40}' OR /, 'MariaDB: its log has the statements');

# ---- Redis ----

my $redis_port = PostgreSQL::Test::Cluster::get_free_port();
my $redis_tls_port = PostgreSQL::Test::Cluster::get_free_port();

# The server and the tool that checks its files are one program, which goes by its name.
my $redis_server = "$dir/redis-server";
symlink program('redis-check-rdb'), $redis_server or die $!;
my $redis_cli = program('redis-cli');

sub start_redis
{
	start('redis', $redis_server, "$dir/redis/redis.conf");
	wait_for(sub { (redis_says('rotator', $first{redis_rotator}, 'ACL', 'WHOAMI') || '') =~ /rotator/ }, 'Redis');
	return;
}

sub redis_says
{
	my ($user, $password, @command) = @_;
	local $ENV{REDISCLI_AUTH} = $password;

	return output_of($redis_cli, '-s', "$dir/redis.sock", '--user', $user, '--no-auth-warning', @command);
}

sub redis_lets_in { my ($password) = @_; return (redis_says('shop', $password, 'ACL', 'WHOAMI') || '') =~ /^shop$/m; }

mkdir "$dir/redis";
append_to_file("$dir/redis/redis.conf", <<"END");
dir $dir/redis
logfile $dir/redis/redis.log
loglevel debug
bind 127.0.0.1
port $redis_port
tls-port $redis_tls_port
tls-cert-file $dir/server.crt
tls-key-file $dir/server.key
tls-ca-cert-file $dir/server.crt
tls-auth-clients no
unixsocket $dir/redis.sock
aclfile $dir/redis/users.acl
END
append_to_file("$dir/redis/users.acl", <<"END");
user default off
user rotator on >$first{redis_rotator} +acl|setuser +acl|save +acl|whoami +acl|getuser
user shop on >$first{redis_shop} ~shop:* +\@all -\@dangerous +acl|whoami
END
start_redis();
ok(redis_lets_in($first{redis_shop}), 'Redis: the user is there');

%options = (host => 'localhost', port => $redis_tls_port, ca => "$dir/server.crt", admin => 'admin/redis', save => 'acl');
schedule('shop/redis', 'rotate_redis', %options);
($old, $new) = rotates('shop/redis', 'over TLS');
is($old, $first{redis_shop}, 'Redis: it was the first one');
ok(redis_lets_in($new), 'Redis: the new one logs in');
ok(!redis_lets_in($old), 'Redis: the old one does not');
stop('redis');
start_redis();
ok(redis_lets_in($new), 'Redis: and remembers it');

sub redis_passwords { return scalar(() = redis_says('rotator', $first{redis_rotator}, 'ACL', 'GETUSER', 'shop') =~ /\b[0-9a-f]{64}\b/g); }

$third = random_password();
step('shop/redis', 'rotate_redis', $_, json(username => 'shop', password => $third), %options) foreach qw(create set set test);
ok(redis_lets_in($new) && redis_lets_in($third), 'Redis: after set and test both log in');
is(redis_passwords(), 2, 'Redis: and there are two');
step('shop/redis', 'rotate_redis', 'finish', json(username => 'shop', password => $third), %options);
ok(!redis_lets_in($new) && redis_lets_in($third), 'Redis: after finish the new one alone');
rotates('shop/redis', 'though the stored one is not good any more');
is(redis_passwords(), 1, 'Redis: there is one again');

schedule('shop/redis', 'rotate_redis', socket => "$dir/redis.sock", user => 'shop', admin => 'admin/redis');
rotates('shop/redis', 'by the socket');
ok(redis_lets_in(password_of('shop/redis')), 'Redis: by the socket: it logs in');

%wrong = (%options, ca => "$dir/other.crt");
schedule('shop/redis', 'rotate_redis', %wrong);
fails('shop/redis', '38000', qr/CERTIFICATE_VERIFY_FAILED/i, 'a certificate that nobody answers for');
delete $wrong{ca};
schedule('shop/redis', 'rotate_redis', %wrong, host => 'cache.example.com');
fails('shop/redis', '38000', qr/another machine needs TLS/, 'another machine without TLS');
schedule('shop/redis', 'rotate_redis', %options, save => 'config');
fails('shop/redis', '38000', qr/step "set" failed: .*NOPERM/, 'an admin who may not');
schedule('shop/redis', 'rotate_redis', %options);
$client->run('put', 'admin/redis', json(username => 'rotator', password => 'not it, 12345'));
fails('shop/redis', '38000', qr/step "set" failed: .*WRONGPASS/, 'an admin whose password is not good');
$client->run('put', 'admin/redis', json(username => 'rotator', password => $first{redis_rotator}));
stop('redis');
fails('shop/redis', '38000', qr/step "set" failed: .*Connection refused/, 'no server');
$pending = password_of('shop/redis', q{, stage => 'pending'});
start_redis();
(undef, $new) = rotates('shop/redis', 'when it is back');
is($new, $pending, 'Redis: with the candidate that was waiting');
ok(redis_lets_in($new), 'Redis: which logs in');
reconnects('shop/redis', soak() ? 100 : 10, \&redis_lets_in);

# ---- in no file ----

stop($_) foreach qw(mariadb redis);
$node->stop;
cmp_ok(scalar @made, '>', 20, 'passwords were made');
is_deeply([ files_with($dir, @made) ], [], 'none is in a file of MariaDB or Redis');
is_deeply([ files_with($node->basedir, @made), files_with($node->logfile, @made) ], [], 'nor in one of PostgreSQL, its log among them');
is(scalar(files_with("$dir/redis/users.acl", 'user shop on')), 1, 'the search finds what is there');

done_testing();
