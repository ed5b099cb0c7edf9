# Values that passed through the extension are in no line of the log that the same process
# writes, whatever statement it belongs to: told by functions and statements that are named
# nowhere, by the server's own words about them, and in whatever encoding.  With
# secrets.redact_logs off each of these ways leaves its value in every log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use LeakTest;
use LoginTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
my $has_explain = -e "$libraries/auto_explain.so";

# While the values are put there and the functions made, nothing is logged.
my $quiet = <<'END';
logging_collector = on
log_rotation_size = 0
log_min_messages = panic
log_min_error_statement = panic
log_statement = none
log_duration = off
log_min_duration_statement = -1
debug_print_parse = off
