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

# All that was said so far is in all files.
sub settle
{
	my $mark = 'mark' . unpack 'H*', substr new_key(), 0, 8;

	$watcher->value("SELECT '$mark'");
	foreach my $ending ('.log', map { s/log//r } grep { $_ ne 'stderr' } @formats)
	{
		wait_for(sub { grep { /\Q$ending\E$/ } keys %{ { map { $_ => 1 } files_with($logs, $mark) } } }, "the log, $ending") if $ending ne '.log';
		wait_for(sub { grep { /\.log$/ } files_with($logs, $mark) }, 'the log') if $ending eq '.log';
	}
	return;
}
