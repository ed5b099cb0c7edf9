# Rules with a network, or for TLS only: where a session comes from, as the server sees
# it; over a Unix socket no such allow holds and every such deny does.  In parallel
# workers the leader's connection counts.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('network', start => 0, extension => 0);
my $dir = $node->basedir;
my $port = $node->port;

command_ok([ 'openssl', 'req', '-new', '-x509', '-days', '2', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=localhost',
		'-keyout', "$dir/server.key", '-out', "$dir/server.crt" ], 'a self-signed certificate');
chmod 0600, "$dir/server.key";
my $has_six = eval { slurp_file('/proc/net/if_inet6') =~ /^0{31}1 / } ? 1 : 0;
configure($node, "listen_addresses = '127.0.0.1" . ($has_six ? ', ::1' : '') . "'\nssl = on\nssl_cert_file = '$dir/server.crt'\nssl_key_file = '$dir/server.key'\n");
$node->start;
value($node, 'CREATE EXTENSION secrets; CREATE ROLE app LOGIN');

my %ways = (
	unix => [ '-d', 'user=app' ],
	tcp => [ '-d', "host=127.0.0.1 port=$port dbname=postgres user=app sslmode=disable" ],
	tls => [ '-d', "host=127.0.0.1 port=$port dbname=postgres user=app sslmode=require" ]);
if ($has_six)
{
	$ways{tcp6} = [ '-d', "host=::1 port=$port dbname=postgres user=app sslmode=disable" ];
	$ways{tls6} = [ '-d', "host=::1 port=$port dbname=postgres user=app sslmode=require" ];
}
my @all = sort keys %ways;

sub over { my ($way, $sql) = @_; return run_sql($node, $sql, params => $ways{$way}); }

my $where = q{SELECT coalesce(host(inet_client_addr()), '') || ',' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()};
my %came_from = (unix => ',false', tcp => '127.0.0.1,false', tls => '127.0.0.1,true', tcp6 => '::1,false', tls6 => '::1,true');
is(over($_, $where)->{out}, $came_from{$_}, "connected: $_") foreach @all;

# ---- what holds where ----

# The rules of one name each, and over which ways the name is readable then.
my $any = q{secrets.grant('read, list', N, 'app')};
sub allow { return "secrets.grant('read, list', N, 'app', $_[0])"; }
sub deny { return ($any, "secrets.deny('all', N, 'public', $_[0])"); }
my $tls = q{options => '{"ssl": true}'};
my $plain = q{options => '{"ssl": false}'};
my %rules = (
	any => [ [$any], qw(unix tcp tls tcp6 tls6) ],
	host => [ [ allow(q{network => '127.0.0.1/32'}) ], qw(tcp tls) ],
	net => [ [ allow(q{network => '127.0.0.0/8'}) ], qw(tcp tls) ],
	host_in_net => [ [ allow(q{network => '127.1.2.3/8'}) ], qw(tcp tls) ],
	neighbour => [ [ allow(q{network => '127.0.0.2'}) ] ],
	private => [ [ allow(q{network => '10.0.0.0/8'}) ] ],
	all4 => [ [ allow(q{network => '0.0.0.0/0'}) ], qw(tcp tls) ],
	host6 => [ [ allow(q{network => '::1'}) ], qw(tcp6 tls6) ],
	all6 => [ [ allow(q{network => '::/0'}) ], qw(tcp6 tls6) ],
	mapped => [ [ allow(q{network => '::ffff:127.0.0.1'}) ] ],
	tls => [ [ allow($tls) ], qw(tls tls6) ],
	plain => [ [ allow($plain) ], qw(tcp tcp6) ],
	host_tls => [ [ allow("network => '127.0.0.1', $tls") ], qw(tls) ],
	private_tls => [ [ allow("network => '10.0.0.0/8', $tls") ] ],
	several => [ [ allow(q{network => '10.0.0.0/8'}), allow(q{network => '::1'}), allow("network => '127.0.0.1', $tls") ], qw(tls tcp6 tls6) ],
	deny_host => [ [ deny(q{network => '127.0.0.1'}) ], qw(tcp6 tls6) ],
	deny_private => [ [ deny(q{network => '10.0.0.0/8'}) ], qw(tcp tls tcp6 tls6) ],
	deny_all4 => [ [ deny(q{network => '0.0.0.0/0'}) ], qw(tcp6 tls6) ],
	deny_host6 => [ [ deny(q{network => '::1'}) ], qw(tcp tls) ],
	deny_tls => [ [ deny($tls) ], qw(tcp tcp6) ],
	deny_plain => [ [ deny($plain) ], qw(tls tls6) ],
	deny_host_plain => [ [ deny("network => '127.0.0.1', $plain") ], qw(tls tcp6 tls6) ],
	deny_other => [ [ $any, q{secrets.deny('write', N, 'app', network => '127.0.0.1')} ], qw(unix tcp tls tcp6 tls6) ]);

foreach my $name (sort keys %rules)
{
	value($node, "SELECT secrets.put('n/$name', 'value of $name')");
	foreach my $rule (@{ $rules{$name}[0] })
	{
		(my $call = $rule) =~ s/\bN\b/'n\/$name'/;
		value($node, "SELECT $call");
	}
}
my $questions = {
	'get_all' => q{SELECT string_agg(name, ' ' ORDER BY name) FROM secrets.get_all('n/**') WHERE value = 'value of ' || substr(name, 3)},
	'list' => q{SELECT string_agg(name, ' ' ORDER BY name) FROM secrets.list('n/**')},
	'the view' => q{SELECT string_agg(name, ' ' ORDER BY name) FROM secrets.secrets WHERE name >= 'n/' AND name < 'n0'},
	'can' => q{SELECT string_agg(n, ' ' ORDER BY n) FROM unnest(ARRAY[} . join(', ', map { "'n/$_'" } sort keys %rules) . q{]) n WHERE secrets.can('read', n)}
};
foreach my $way (@all)
{
	my $wanted = join ' ', map { "n/$_" } sort { "n/$a" cmp "n/$b" } grep { my $name = $_; grep { $_ eq $way } @{ $rules{$name} }[ 1 .. $#{ $rules{$name} } ] } keys %rules;

	foreach my $what (sort keys %$questions)
	{
		my $result = over($way, $questions->{$what});
		is(join(' ', sort split / /, $result->{out}), join(' ', sort split / /, $wanted), "$way: $what") or diag($result->{err});
	}
	is(over($way, "SELECT secrets.get('n/host')")->{state}, $way =~ /^t..$/ ? '' : '42501', "$way: get");
	is(over($way, "SELECT secrets.put('n/deny_other', 'x')")->{state}, '42501', "$way: what was never given");
}

# ---- how it is told ----

my $needed = q{SELECT needed FROM secrets.explain('%s') WHERE privilege = 'read'};
like(over('unix', sprintf $needed, 'n/host')->{out}, qr{^a connection from 127\.0\.0\.1(/32)?, for rule }, 'explain(): a connection from there');
like(over('tcp', sprintf $needed, 'n/host_tls')->{out}, qr{^a connection from 127\.0\.0\.1(/32)? with TLS, for rule }, 'with TLS');
like(over('unix', sprintf $needed, 'n/tls')->{out}, qr{^a connection over TCP with TLS, for rule }, 'over TCP with TLS');
like(over('tls', sprintf $needed, 'n/plain')->{out}, qr{^a connection over TCP without TLS, for rule }, 'over TCP without');
is(value($node, q{SELECT network, ssl FROM secrets.grants WHERE pattern = 'n/host_tls'}), '127.0.0.1|t', 'secrets.grants shows both');
is(value($node, q{SELECT count(*) FROM secrets.grants WHERE pattern = 'n/several'}), 3, 'rules that differ in them are several');
is(value($node, q{SELECT secrets.revoke('all', 'n/several', 'app')}), 3, 'which revoke takes');

# Superusers pass from anywhere, unless they are not to.
is(value($node, q{SELECT secrets.get('n/private')}), 'value of private', 'a superuser passes over a Unix socket');
configure($node, 'secrets.superuser_bypass = off', 'reload');
wait_for(sub { run_sql($node, q{SELECT secrets.get('n/private')})->{state} eq '42501' }, 'no bypass');
pass('without the bypass it does not');
configure($node, 'secrets.superuser_bypass = on', 'reload');
wait_for(sub { run_sql($node, q{SELECT secrets.get('n/private')})->{state} eq '' }, 'the bypass');

# ---- giving on from where one is ----

value($node, q{CREATE ROLE other; SELECT secrets.grant('read, grant', 'g/**', 'app', network => '127.0.0.0/8')});
is(over('tcp', q{SELECT secrets.grant('read', 'g/a', 'other')})->{state}, '42501', 'who holds grant from a network does not give it for everywhere');
is(over('tcp', q{SELECT secrets.grant('read', 'g/a', 'other', network => '127.0.0.0/4')})->{state}, '42501', 'nor for a wider one');
is(over('unix', q{SELECT secrets.grant('read', 'g/a', 'other', network => '127.0.0.1')})->{state}, '42501', 'nor from elsewhere');
is(over('tcp', q{SELECT secrets.grant('read', 'g/a', 'other', network => '127.0.0.1')})->{state}, '', 'but from there, for there');

# ---- in parallel workers ----

my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
value($node, <<'END');
CREATE FUNCTION readable() RETURNS text PARALLEL SAFE LANGUAGE plpgsql AS $$
	DECLARE names text;
	BEGIN
		SELECT string_agg(right(name, -2), ' ' ORDER BY name) INTO names FROM secrets.get_all('n/**');
		RETURN pg_backend_pid() || ':' || coalesce(names, '');
	END $$;
CREATE FUNCTION reads(name text) RETURNS text PARALLEL SAFE LANGUAGE plpgsql AS $$ BEGIN RETURN pg_backend_pid() || ':' || secrets.get(name); END $$;
CREATE TABLE many AS SELECT n FROM generate_series(1, 1000) n;
GRANT SELECT ON many TO PUBLIC;
END
value($node, 'ANALYZE many');

foreach my $way (@all)
{
	my ($here) = over($way, 'SELECT readable()')->{out} =~ /:(.*)$/;
	my ($leader, $worker, $names) = over($way, "SELECT pg_backend_pid(); SET $force = on; SELECT readable()")->{out} =~ /^(\d+)\n(\d+):(.*)$/;

	is($names, $here, "$way: a parallel worker reads what its leader reads");
	isnt($worker, $leader, "$way: which was another process");
	foreach my $name ('host', 'tls', 'deny_host')
	{
		my $result = over($way, "SET $force = on; SELECT reads('n/$name')");
		my $may = grep { $_ eq $way } @{ $rules{$name} };
		is($result->{state} || $result->{out} =~ s/^\d+://r, $may ? "value of $name" : '42501', "$way, in a worker: get of n/$name");
	}
}

# A parallel scan, of workers only.
my @spread = split /\n/, over('tls', q{SELECT pg_backend_pid();
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
	SELECT DISTINCT split_part(r, ':', 1) FROM (SELECT reads('n/host_tls') AS r FROM many OFFSET 0) x;
	SELECT DISTINCT split_part(r, ':', 2), count(*) FROM (SELECT reads('n/host_tls') AS r FROM many OFFSET 0) x GROUP BY 1})->{out};
is($spread[-1], 'value of host_tls|1000', 'a parallel scan');
ok(@spread > 2 && !grep({ $_ eq $spread[0] } @spread[ 1 .. $#spread ]), 'by workers') or diag("@spread");

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
