# Whatever a text is like, how long and how broken, whoever else looks on, and however
# a session goes on: the server stays up, answers as it would, and no value that stood in
# quotes is in any log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use HostileTest;
use IPC::Run ();
use LeakTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(usleep);

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
my $has_cron = -e "$libraries/pg_cron.so";

# ---- a server that logs all it can, in each format, and is looked at from before and behind ----

my $node = new_node('hostile', start => 0, extension => 0, allows_streaming => 1, conf => <<'END');
logging_collector = on
log_rotation_size = 0
log_statement = all
log_min_duration_statement = 0
log_min_error_statement = debug5
log_parameter_max_length_on_error = -1
log_line_prefix = '%m %p %q%b '
deadlock_timeout = 10ms
restart_after_crash = on
max_prepared_transactions = 10
max_worker_processes = 16
secrets.redact_functions = 'keep, steps'
END
my $dir = $node->basedir;
my $logs = "$dir/logs";
my @formats = ('stderr', 'csvlog', $node->pg_version >= 15 ? 'jsonlog' : ());
my %spied = map { $_ => new_spy($node, $_) } ('early', 'late');
my $has_spies = defined $spied{early};
my @preloaded = ($has_spies ? 'spy_early' : (), $has_cron ? 'pg_cron' : (), 'secrets', $has_spies ? 'spy_late' : ());

configure($node, join '', map { "$_\n" } (
		"log_destination = '@{[ join ',', @formats ]}'", "log_directory = '$logs'",
		"dynamic_library_path = '$dir:\$libdir'", "shared_preload_libraries = '@{[ join ', ', @preloaded ]}'",
		(map { "spy_$_.place = '$spied{$_}'" } $has_spies ? keys %spied : ()), $has_spies ? 'spy_early.works = on' : (),
		$has_cron ? ("cron.database_name = 'postgres'", 'cron.use_background_workers = on') : ()));
$node->start;
value($node, 'CREATE EXTENSION secrets');
value($node, <<'END');
CREATE ROLE nobody LOGIN;
CREATE TABLE first (n int);
CREATE TABLE second (n int);
END

sub connection { return connect_to($node, @_); }
my $watcher = connection();

# All that was said so far is in the logs.
sub settle
{
	my $mark = 'mark' . unpack 'H*', substr new_key(), 0, 8;

	$watcher->value("SELECT '$mark'");
	return wait_for(sub { files_with($logs, $mark) == @formats }, 'the logs');
}

# Where each of these has turned up.
sub logged { settle(); return found_in([ $logs, $node->logfile ], @_); }

sub nowhere_logged
{
	my ($name, @canaries) = @_;
	my @words = map { parts_of($_) } @canaries;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(logged(@words), {}, "$name: in no log");
}

# What others see of a session.
sub shown { my ($client) = @_; return $watcher->value("SELECT query FROM pg_stat_activity WHERE pid = $client->{pid}"); }

# ---- mutations ----

# A statement of ours in each of the ways that it can come in; what was said in which words: { word => text }.
my %said;
my $excused = 0;

sub say_all
{
	my ($client, $text) = @_;

	foreach my $way ('simple', 'extended', 'bound')
	{
		my $canary = new_canary();
		(my $sql = $text) =~ s/~/$canary/g;
		my @words = parts_of($canary);

		if ($way eq 'bound')
		{
			next unless $text =~ /'~'/;
			($sql = $text) =~ s/'~'/\$1/;
			$sql =~ s/~//g;
		}
		my $answer = $way eq 'simple' ? $client->ask($sql) : $client->bound($sql, $way eq 'bound' ? [$canary] : []);
		return "$way: $sql" if $client->is_lost;
		foreach my $word (@words)
		{
			if ($way eq 'bound' || hides($sql, $word)) { $said{$word} = "$way: $sql"; }
			else { $excused++; }
		}
	}
	return undef;
}

my $seed = $ENV{HOSTILE_SEED} || (soak() ? time : 6);
my $rounds = $ENV{HOSTILE_ROUNDS} || (soak() ? 5000 : 500);
my @templates = templates();
my ($crashed, %asked);
my $speaker = connection();

note("HOSTILE_SEED=$seed");
seed_with($seed);
$speaker->value("SET statement_timeout = '10s'");
foreach my $round (1 .. $rounds + @templates)
{
	my $template = $templates[ $round % @templates ];

	$crashed = say_all($speaker, $round <= @templates ? join('', @$template) : mutate(@$template));
	last if defined $crashed;
	my $state = $speaker->ask('ROLLBACK; DEALLOCATE ALL')->{state};
	$asked{$state}++;
}
is($crashed, undef, "$rounds statements, mutated: the session goes on");
is_deeply([ keys %asked ], [''], 'and answers');
my $told = logged(keys %said);
is(scalar keys %$told, 0, 'nothing that stood in quotes, nor what was bound, is in a log');
diag(map { "$_: $said{$_}\n" } (sort keys %$told)[ 0 .. (keys %$told > 10 ? 9 : keys(%$told) - 1) ]) if %$told;
cmp_ok(scalar keys %said, '>', 2 * $excused, "that is so of most of them: @{[ scalar keys %said ]} words, $excused lost their quotes");

# The same under another name is nobody's: then it is there, and is found.
my @others;
foreach my $template (grep { $_->[0] !~ /PASSWORD/ } @templates)
{
	push @others, new_canary();
	(my $sql = join '', @$template) =~ s/~/$others[-1]/g;
	$sql =~ s/(?:U&)?"?s(?:ecrets|\\0065crets)"?/other/gi;
	$sql =~ s/"?\b(?:put|put_bytes|patch|inbox)\b"?/other/gi;
	$speaker->ask($sql);
	$speaker->ask('ROLLBACK; DEALLOCATE ALL');
}
is(scalar keys %{ logged(map { parts_of($_) } @others) }, 2 * @others, 'what names nothing of ours is in the logs');

done_testing();
