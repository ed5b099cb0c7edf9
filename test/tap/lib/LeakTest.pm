# The leak suite's frame: values that are known again however they are written down,
# the places in which a server leaves what it was told, and the verdict over every way
# in and every place.
package LeakTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Path qw(make_path);
use IO::Socket::UNIX ();
use IPC::Run ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

our @EXPORT = qw(new_hunt connect_to syslog_shim quote escaped json);

# ---- values, and what they look like ----

# No letter is a hexadecimal digit, so that no number looks like it.
my @letters = ('g' .. 'z', 2 .. 9);

sub word
{
	my ($n) = @_;
	return join '', map { $letters[ord(substr(new_key(), 0, 1)) % @letters] } 1 .. $n;
}

# What gets in the way of whoever reads SQL; it stands between the two words by which
# a value is known.
my $odd = qq{ '"\\\$\$;--\n\t/*%s \xc3\xa9 };

sub quote { my ($text) = @_; return "'" . ($text =~ s/'/''/gr) . "'"; }
sub json { my ($text) = @_; return '"' . ($text =~ s/(["\\])/\\$1/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr) . '"'; }
sub escaped { my ($text, $format) = @_; return join '', map { sprintf $format, ord } split //, $text; }

# Some parts of it, of eight bytes: what covers most of a value has not covered it.
# One with hexadecimal digits only is too short in parts.
sub parts
{
	my ($bytes) = @_;
	my $last = length($bytes) - 8;

	return ($bytes) if $bytes =~ /^[0-9a-f-]+$/ || $last <= 0;
	my %offsets = map { $_ => 1 } (0, int($last / 2), $last);
	return map { substr $bytes, $_, 8 } keys %offsets;
}

# Of what base64 makes of it at that place in a triple: the digits that are of these bytes alone.
sub base64_inside
{
	my ($bytes, $shift) = @_;
	my $first = int((8 * $shift + 5) / 6);

	return substr encode_base64('x' x $shift . $bytes, ''), $first, int(8 * ($shift + length $bytes) / 6) - $first;
}

# Every way in which programs write bytes down.
sub spellings
{
	my ($bytes) = @_;
	my @numbers = map { ord } split //, $bytes;
	my @signed = map { $_ > 127 ? $_ - 256 : $_ } @numbers;
	my @base64 = map { base64_inside($bytes, $_) } 0 .. 2;
	my @spelled = (
		$bytes, uc $bytes, unpack('H*', $bytes), uc unpack('H*', $bytes),
		(map { escaped($bytes, $_) } '\\%03o', '\\x%02x', '\\x%02X', '\\u%04x', '\\u%04X', '\\%04x', '\\%04X', '!%04x', '%%%02x', '%%%02X', '%02x ', '%02X '),
		join(' ', @numbers), join(',', @numbers), join(', ', @numbers),
		# As a printed plan has them, and where all that is blank was taken out.
		join(' ', @signed), join('', @signed), join('', @numbers),
		join('', map { "\0$_" } split //, $bytes), join('', map { "$_\0" } split //, $bytes),
		@base64, map { tr{+/}{-_}r } @base64);

	my %all = map { $_ => 1 } @spelled;
	# They are looked for line by line.
	return grep { !/\n/ } keys %all;
}

# ---- what the server writes to syslog ----

# /dev/log is root's: so a few lines of C are loaded in front of the C library, which
# write to the file in SYSLOG_FILE.  undef: there is no compiler.
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
END
	close $source;
	my $cc = $ENV{CC} || 'cc';
	return undef if system("$cc -w -shared -fPIC -o $shim $shim.c >/dev/null 2>&1") != 0;
	return $shim;
}

# ---- a client that knows the whole protocol ----

# What else goes into the startup packet: user, database, replication, ...
sub connect_to
{
	my ($node, %startup) = @_;
	my $self = bless { buffer => '', open => 0, heard => [] }, 'LeakTest::Client';
	my %all = (user => 'postgres', database => 'postgres', client_encoding => 'UTF8', %startup);
	my $packet = pack('N', 3 << 16) . join('', map { "$_\0$all{$_}\0" } sort keys %all) . "\0";

	$self->{socket} = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
	$self->write(pack('N', 4 + length $packet) . $packet);
	my $answer = $self->answer;
	die "cannot connect: $answer->{err}" if $answer->{state} ne '';
	return $self;
}

# ---- a server, and all that is tried there ----

# Options: those of new_node().
sub new_hunt
{
	my ($name, %options) = @_;
	my $self = bless {
		name => $name, excepted => [], doors => [], of => {}, hits => {}, roots => [], kept => {}, moments => {} }, 'LeakTest::Hunt';

	$self->{node} = new_node($name, %options, start => 0, extension => 0);
	$self->{logs} = $self->{node}->basedir . '/logs';
	$self->{seen} = $self->{node}->basedir . '/seen';
	make_path($self->{seen});
	return $self;
}

package LeakTest::Client;

our @ISA = ('SecretsTest::Client');

sub message { return SecretsTest::Client::message(@_); }

# Notifications come whenever they like.
sub get_message
{
	my ($self) = @_;
	my ($type, $body) = $self->SUPER::get_message;

	push @{ $self->{heard} }, $body if $type eq 'A';
	return ($type, $body);
}

# What all clients have been told by the way.
my @told;
sub told { return splice @told; }

sub is_lost { my ($self) = @_; return $self->{lost} || 0; }

sub answer
{
	my ($self) = @_;
	my $answer = $self->SUPER::answer;

	$self->{lost} = 1 if $answer->{err} =~ /connection is lost/;
	push @told, $answer->{notices} if $answer->{notices} ne '';
	return $answer;
}

# Messages of the extended protocol.  How: name, oids, binary, portal, rows.
sub parse
{
	my ($sql, %how) = @_;
	my @oids = @{ $how{oids} || [] };

	return message('P', ($how{name} || '') . "\0$sql\0" . pack('n N*', scalar @oids, @oids));
}

sub bind
{
	my ($values, %how) = @_;
	my $format = $how{binary} ? 1 : 0;

	return message('B', ($how{portal} || '') . "\0" . ($how{name} || '') . "\0" . pack('n n n', 1, $format, scalar @$values)
		  . join('', map { defined $_ ? pack('N/a', $_) : pack('N', 0xffffffff) } @$values) . pack('n n', 1, $format));
}

sub execute { my (%how) = @_; return message('E', ($how{portal} || '') . "\0" . pack('N', $how{rows} || 0)); }
sub describe { my (%how) = @_; return message('D', 'P' . ($how{portal} || '') . "\0"); }
sub sync { return message('S', ''); }

sub call { my ($sql, $values, %how) = @_; return parse($sql, %how) . &bind($values, %how) . describe(%how) . execute(%how); }

sub bound
{
	my ($self, $sql, $values, %how) = @_;

	$self->write(call($sql, $values, %how) . sync());
	return $self->answer;
}

# The data is sent without waiting to be asked for it; where nobody asks, it is passed over.
sub copy_in
{
	my ($self, $sql, $data) = @_;

	$self->write(message('Q', "$sql\0") . message('d', $data) . message('c', ''));
	return $self->answer;
}

# The old way to call a function, without a statement.
sub fastpath
{
	my ($self, $oid, @values) = @_;

	$self->write(message('F', pack('N n n n', $oid, 1, 0, scalar @values)
			  . join('', map { defined $_ ? pack('N/a', $_) : pack('N', 0xffffffff) } @values) . pack('n', 0)));
	return $self->answer;
}

package LeakTest::Hunt;

use PostgreSQL::Test::Utils;
use Test::More;

# ---- ways in ----

# One with a value of its own.  Options: plain, without anything odd in it.
sub add_door
{
	my ($self, $name, %options) = @_;
	my ($head, $tail) = ('k' . LeakTest::word(11), 'v' . LeakTest::word(11));
	my $door = {
		%options, name => $name, secret => sprintf('d/%03d', 1 + @{ $self->{doors} }), head => $head, tail => $tail,
		value => $head . ($options{plain} ? '' : $odd) . $tail };

	die "two doors named $name" if $self->{door}{$name};
	$self->{door}{$name} = $door;
	push @{ $self->{doors} }, $door;
	$self->remember($door, $head, $tail);
	return $door;
}

# Wherever these bytes are, they came through that door.
sub remember
{
	my ($self, $door, @values) = @_;

	foreach my $part (map { LeakTest::parts($_) } @values)
	{
		$self->{of}{$_} = $door foreach LeakTest::spellings($part);
	}
	return;
}

# ---- places ----

# What lies under that path is there, where no longer path says otherwise.
sub add_place
{
	my ($self, $place, $path) = @_;

	push @{ $self->{roots} }, [ $path, $place ];
	return;
}

# What was seen by other means goes into a file, and is searched like those of the server.
sub keep
{
	my ($self, $place, $text) = @_;
	my $path = "$self->{seen}/" . ($place =~ s/[^A-Za-z0-9_]+/-/gr);

	$self->add_place($place, $path) unless $self->{kept}{$place}++;
	append_to_file($path, "$text\n");
	return;
}

sub place_of
{
	my ($self, $path) = @_;

	return $self->{place_of}{$path} ||= do
	{
		my ($longest) = sort { length $b->[0] <=> length $a->[0] } grep { index($path, $_->[0]) == 0 } @{ $self->{roots} };
		$longest ? $longest->[1] : $path;
	};
}

sub places { my ($self) = @_; my %places = map { $_->[1] => 1 } @{ $self->{roots} }; return sort keys %places; }

# ---- the search ----

# [ path, offset, what ] of all that is found under these.
sub search
{
	my ($self, @where) = @_;
	my $patterns = "$self->{seen}.patterns";
	my $out = '';

	open my $file, '>:raw', $patterns or die "$patterns: $!";
	print $file map { "$_\n" } sort keys %{ $self->{of} };
	close $file;
	# Files come and go while a server runs.
	local $ENV{LC_ALL} = 'C';
	IPC::Run::run([ 'grep', '-raobHZsF', '-D', 'skip', '-f', $patterns, '--', @where ], '<', \undef, '>', \$out);
	return map { /^([^\0]+)\0(\d+):(.*)$/s ? [ $1, $2, $3 ] : die "what grep says: $_" } split /\n/, $out;
}

sub around
{
	my ($path, $offset) = @_;
	my $begin = $offset > 300 ? $offset - 300 : 0;
	my $text = '';

	open my $file, '<:raw', $path or return '(the file is gone)';
	seek $file, $begin, 0;
	read $file, $text, 450;
	close $file;
	return $text =~ s/\n/ | /gr =~ s/[^ -~]/?/gr;
}

# Looks there, and takes down what is found, by door and place.
sub look
{
	my ($self, $moment, @where) = @_;

	foreach my $hit ($self->search(grep { -e } @where))
	{
		my ($path, $offset, $what) = @$hit;
		my $door = $self->{of}{$what} or die "found what is not looked for: $what";
		my $found = $self->{hits}{ $door->{name} }{ $self->place_of($path) } ||= { n => 0, as => $what, path => $path, around => around($path, $offset) };

		$found->{n}++;
		$found->{at}{$moment} = 1;
	}
	$self->{moments}{$moment} = 1;
	return;
}

# Of all that is looked for, in every spelling, what would not be found.
sub misses
{
	my ($self) = @_;
	my $planted = "$self->{seen}.planted";
	my %left = %{ $self->{of} };

	open my $file, '>:raw', $planted or die "$planted: $!";
	print $file map { "..$_..\n" } keys %left;
	close $file;
	delete $left{ $_->[2] } foreach $self->search($planted);
	unlink $planted;
	return map { "$left{$_}{name}: $_" } sort keys %left;
}

# ---- the verdict ----

sub hits { my ($self, $door) = @_; return $self->{hits}{ $door->{name} } || {}; }
sub is_like { my ($is, $wanted) = @_; return ref $wanted ? $is =~ $wanted : $is eq $wanted; }

# An exception: { door, places, why, always }: door and places are names or patterns; where it is to be
# found always, its places are names.
sub is_excepted
{
	my ($self, $door, $place) = @_;

	foreach my $exception (grep { is_like($door->{name}, $_->{door}) } @{ $self->{excepted} })
	{
		return 1 if grep { is_like($place, $_) } @{ $exception->{places} };
	}
	return 0;
}

sub tell_of
{
	my ($self, $door, $place) = @_;
	my $hit = $self->hits($door)->{$place};

	return join ' | ', "LEAK $self->{name}: $door->{name}", $place, join(', ', sort keys %{ $hit->{at} }), "$hit->{n} times as " . ($hit->{as} =~ s/[^ -~]/?/gr), $hit->{around};
}

# Every value is in no place but where the table says, and there it is.
sub judge
{
	my ($self) = @_;

	foreach my $door (grep { !$_->{control} } @{ $self->{doors} })
	{
		my @leaks = grep { !$self->is_excepted($door, $_) } sort keys %{ $self->hits($door) };

		ok(!@leaks, "$self->{name}: $door->{name}: nowhere") or diag(join "\n", map { $self->tell_of($door, $_) } @leaks);
	}
	foreach my $exception (grep { $_->{always} } @{ $self->{excepted} })
	{
		my @doors = grep { is_like($_->{name}, $exception->{door}) } @{ $self->{doors} };

		ok(scalar @doors, "$self->{name}: somebody comes by $exception->{door}");
		foreach my $door (@doors)
		{
			my $hits = $self->hits($door);
			my %there = map { $_ => 1 } $self->places;
			my @gone = grep { $there{$_} && !$hits->{$_} } @{ $exception->{places} };
			is_deeply(\@gone, [], "$self->{name}: $door->{name}: there as the table says: $exception->{why}");
		}
	}
	return;
}

1;
