# The leak suite's frame: values that are known again however they are written down,
# the places in which a server leaves what it was told, and the verdict over every way
# in and every place.
package LeakTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Path qw(make_path);
use IPC::Run ();
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

our @EXPORT = qw(new_hunt quote spellings syslog_shim);

# ---- what is looked for ----

# No letter is a hexadecimal digit, so that no other number looks like it.
my @letters = ('g' .. 'z', 2 .. 9);

sub word
{
	my ($n) = @_;
	return join '', map { $letters[ord(substr(new_key(), 0, 1)) % @letters] } 1 .. $n;
}

# What gets in the way of whoever reads SQL, between two words by which it is known.
my $odd = q{ '"\\$$;--/*%s }  . "\xc3\xa9";

sub quote { my ($text) = @_; return "'" . ($text =~ s/'/''/gr) . "'"; }

# Parts of eight bytes: something that covers the most of a value has not covered it.
sub parts
{
	my ($bytes) = @_;

	# Of one number in sixteen too many look alike.
	return ($bytes) if length $bytes < 12 || $bytes =~ /^[0-9a-f-]+$/;
	return map { substr $bytes, $_, 8 } 0, 4;
}

sub each_byte { my ($bytes, $format) = @_; return join '', map { sprintf $format, ord } split //, $bytes; }

# Every way in which programs write bytes down.
sub spellings
{
	my ($bytes) = @_;
	my @numbers = map { ord } split //, $bytes;
	my %spelled = map { $_ => 1 } (
		$bytes, uc $bytes, unpack('H*', $bytes), uc unpack('H*', $bytes),
		(map { each_byte($bytes, $_) } '\\%03o', '\\x%02x', '\\x%02X', '\\u%04x', '\\u%04X', '\\%04x', '\\+%06x', '%%%02x', '%%%02X', '%02x ', '0x%02x, '),
		join(' ', @numbers), join(',', @numbers), join(', ', @numbers),
		# A printed plan has them with a sign.
		join(' ', map { $_ > 127 ? $_ - 256 : $_ } @numbers),
		join('', map { "\0$_" } split //, $bytes), join('', map { "$_\0" } split //, $bytes));

	foreach my $shift (0 .. 2)
	{
		my $encoded = encode_base64('x' x $shift . $bytes, '');
		# Without what the neighbours have a part in.
		my $own = substr($encoded, $shift ? 4 : 0) =~ s/.=+$//r;
		$own =~ s/.$// if $own eq substr($encoded, $shift ? 4 : 0) && (length($bytes) + $shift) % 3;
		$spelled{$own} = $spelled{ $own =~ tr{+/}{-_}r } = 1;
	}
	# grep looks for lines.
	return grep { !/\n/ } keys %spelled;
}

# ---- one server and all that is tried there ----

# Options: those of new_node(), exceptions: [ [ who, where, why, always => 1 ], ... ].
sub new_hunt
{
	my ($name, %options) = @_;
	my $self = bless { name => $name, doors => [], of => {}, kept => {}, hits => {}, roots => [], exceptions => $options{exceptions} || [] }, 'LeakTest::Hunt';

	$self->{node} = new_node($name, %options, start => 0, extension => 0);
	$self->{logs} = $self->{node}->basedir . '/logs';
	$self->{seen} = $self->{node}->basedir . '/seen';
	make_path($self->{seen});
	return $self;
}

# What the server tells syslog(3) goes to a file instead: /dev/log is root's.  undef: there is no compiler.
sub syslog_shim
{
	my ($node) = @_;
	my $shim = $node->basedir . '/syslog.so';

	open my $source, '>', "$shim.c" or die $!;
	print $source <<'END';
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
keep(const char *format, va_list args)
{
	const char *path = getenv("SYSLOG_FILE");
	char	   *line;
	int			fd;

	if (path == NULL || vasprintf(&line, format, args) < 0)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
	{
		(void) !write(fd, line, strlen(line));
		(void) !write(fd, "\n", 1);
		close(fd);
	}
	free(line);
}

#define KEEP { va_list args; va_start(args, format); keep(format, args); va_end(args); }
void syslog(int priority, const char *format, ...) KEEP
void __syslog_chk(int priority, int flag, const char *format, ...) KEEP
void vsyslog(int priority, const char *format, va_list args) { keep(format, args); }
void __vsyslog_chk(int priority, int flag, const char *format, va_list args) { keep(format, args); }
