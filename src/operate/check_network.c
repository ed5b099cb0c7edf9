/*
 * operate/check_network.c: how one gets in, and what can be heard on the way.
 *
 * pg_hba.conf is read as the server would read it now.  The first line that
 * matches counts, so a line behind one that matches as much is none.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "operate/check.h"
#include "operate/place.h"

/* ---- where the server listens ---- */

static bool
is_loopback(const char *address)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, address, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, address, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcmp(address, "localhost") == 0;
}

static bool
listens_elsewhere(void)
{
	char	   *rest = pstrdup(GetConfigOption("listen_addresses", false, false));
	char	   *address;

	while ((address = strsep(&rest, ", ")) != NULL)
		if (address[0] != '\0' && !is_loopback(address))
			return true;
	return false;
}

static bool
listens_on_sockets(void)
{
	return GetConfigOption("unix_socket_directories", false, false)[0] != '\0';
}

static bool
is_on(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value && strcmp(value, "on") == 0;
}

/* ---- TLS ---- */

static void
look_at_tls(Findings *findings)
{
	const char *least = GetConfigOption("ssl_min_protocol_version", true, false);
	const char *key = GetConfigOption("ssl_key_file", true, false);

	if (!is_on("ssl"))
	{
		if (listens_elsewhere())
			check_found(findings, SEVERITY_WARNING,
						psprintf("ssl is off, and listen_addresses is \"%s\": what is asked and answered can be heard on the way",
								 GetConfigOption("listen_addresses", false, false)),
						"ALTER SYSTEM SET ssl = 'on'; SELECT pg_reload_conf(); with ssl_cert_file and ssl_key_file in their places");
		return;
	}
	if (least && strcmp(least, "TLSv1.2") != 0 && strcmp(least, "TLSv1.3") != 0)
		check_found(findings, SEVERITY_WARNING,
					psprintf("ssl_min_protocol_version is \"%s\": connections may be encrypted in ways that are broken", least),
					"ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; SELECT pg_reload_conf();");
	if (key && place_is_in_data_directory(place_from_data_directory(key)))
		check_found(findings, SEVERITY_INFO,
					psprintf("ssl_key_file \"%s\" is inside the data directory: whoever has a base backup can pass for this server", key),
					"move it, and: ALTER SYSTEM SET ssl_key_file = '/path'; SELECT pg_reload_conf();");
}

/* ---- pg_hba.conf ---- */

typedef struct HbaLine
{
	char	   *place;			/* 12 of /etc/.../pg_hba.conf */
	char	   *type;
	char	   *databases;
	char	   *users;
	char	   *address;		/* NULL: of a socket */
	char	   *netmask;
	char	   *method;
	char	   *file;
	char	   *secret_option;	/* which of its options holds a password, or NULL */
	char	   *error;			/* it matches nothing */
} HbaLine;

/* In the order of the struct. */
#define HBA_LINES \
	"SELECT format('%s of %s', line_number, " HBA_FILE_NAME "), type, array_to_string(database, ','), array_to_string(user_name, ','), " \
	" address, netmask, auth_method, " HBA_FILE_NAME ", " \
	" (SELECT min(split_part(o, '=', 1)) FROM unnest(options) o WHERE split_part(o, '=', 1) IN ('ldapbindpasswd', 'radiussecrets')), error " \
	"FROM pg_hba_file_rules"

static bool
is(const char *text, const char *wanted)
{
	return text && wanted && strcmp(text, wanted) == 0;
}

static bool
is_one_of(const char *text, const char *first, const char *second, const char *third)
{
	return is(text, first) || is(text, second) || is(text, third);
}

static bool
is_local(const HbaLine *line)
{
	return is(line->type, "local");
}

/* One that matches nothing (hostssl, without TLS) has an error, but is understood. */
static bool
is_wrong(const HbaLine *line)
{
	return line->error && line->method == NULL;
}

/* All that it matches comes from this machine. */
static bool
is_from_here(const HbaLine *line)
{
	struct in_addr mask;

	if (is_local(line) || is(line->address, "samehost"))
		return true;
	if (line->address == NULL || !is_loopback(line->address))
		return false;
	if (line->netmask && inet_pton(AF_INET, line->netmask, &mask) == 1)
		return ntohl(mask.s_addr) >= IN_CLASSA_NET;
	return line->netmask == NULL || is(line->netmask, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

/* Can connections that are not encrypted match it? */
static bool
takes_open(const HbaLine *line)
{
	return is_one_of(line->type, "host", "hostnossl", "hostnogssenc");
}

/* ---- which lines are ever reached ---- */

static bool
covers_name(const char *earlier, const char *later)
{
	return is(earlier, "all") || is(earlier, later);
}

/* What is for all databases is not for replication. */
static bool
covers_databases(const HbaLine *earlier, const HbaLine *later)
{
	if (is(earlier->databases, "all"))
		return strstr(later->databases, "replication") == NULL;
	return is(earlier->databases, later->databases);
}

static bool
is_everywhere(const HbaLine *line, int family)
{
	if (is(line->address, "all"))
		return true;
	return is(line->netmask, family == AF_INET ? "0.0.0.0" : "::");
}

static int
family_of(const HbaLine *line)
{
	if (line->netmask == NULL)
		return AF_UNSPEC;		/* a name, or a word: it can mean either */
	return strchr(line->netmask, ':') ? AF_INET6 : AF_INET;
}

static bool
covers_address(const HbaLine *earlier, const HbaLine *later)
{
	int			family = family_of(later);

	if (is_local(earlier) || is_local(later))
		return is_local(earlier) && is_local(later);
	if (is(earlier->address, "all") || (family != AF_UNSPEC && is_everywhere(earlier, family)))
		return true;
	return is(earlier->address, later->address)
		&& (earlier->netmask ? is(earlier->netmask, later->netmask) : later->netmask == NULL);
}

static bool
covers(const HbaLine *earlier, const HbaLine *later)
{
	return earlier->error == NULL && covers_databases(earlier, later) && covers_name(earlier->users, later->users)
		&& covers_address(earlier, later);
}

/* Whether an earlier line takes all that would come to this one; open: of what is not encrypted. */
static bool
is_covered(List *lines, const HbaLine *line, bool open)
{
	ListCell   *cell;

	foreach(cell, lines)
	{
		const HbaLine *earlier = lfirst(cell);

		if (earlier == line)
			return false;
		if (covers(earlier, line)
			&& (is(earlier->type, "host") || is(earlier->type, line->type) || (open && takes_open(earlier))))
			return true;
	}
	return false;
}

/* ---- what a line lets in ---- */

static char *
describe(const HbaLine *line)
{
	if (is_local(line))
		return psprintf("line %s (local, database %s, user %s)", line->place, line->databases, line->users);
	return psprintf("line %s (%s, database %s, user %s, from %s%s%s)", line->place, line->type, line->databases, line->users,
					line->address, line->netmask ? " " : "", line->netmask ? line->netmask : "");
}

/* The password itself goes over the wire. */
static bool
sends_password(const char *method)
{
	return is_one_of(method, "password", "ldap", "pam") || is_one_of(method, "radius", "bsd", NULL);
}

static void
look_at_method(Findings *findings, const HbaLine *line)
{
	static const char *const scram = "write scram-sha-256 as its method, and: SELECT pg_reload_conf();";
	bool		from_here = is_from_here(line);

	if (is(line->method, "trust"))
		check_found(findings, from_here ? SEVERITY_WARNING : SEVERITY_CRITICAL,
					psprintf("%s asks for nothing: who comes by it is whoever he says, superuser too", describe(line)),
					is_local(line) ? "write peer as its method, and: SELECT pg_reload_conf();" : scram);
	else if (sends_password(line->method) && !from_here && takes_open(line))
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("%s has passwords sent in the clear, and the connection too", describe(line)),
					"write hostssl as its type, and: SELECT pg_reload_conf();");
	else if (is(line->method, "password"))
		check_found(findings, SEVERITY_WARNING,
					psprintf("%s has passwords sent as they are, so the server gets to know them", describe(line)), scram);
	else if (is(line->method, "md5"))
		check_found(findings, SEVERITY_WARNING,
					psprintf("%s takes passwords by md5, which is guessed at great speed when overheard", describe(line)), scram);
	else if (is(line->method, "ident") && !from_here)
		check_found(findings, SEVERITY_WARNING,
					psprintf("%s believes what the other machine says of its user", describe(line)), scram);
}

static void
look_at_line(Findings *findings, List *lines, const HbaLine *line)
{
	bool		from_here = is_from_here(line);

	if (line->error || is(line->method, "reject") || (is_local(line) ? !listens_on_sockets() : !from_here && !listens_elsewhere()))
		return;
	if (!is_covered(lines, line, false))
		look_at_method(findings, line);
	if (!from_here && takes_open(line) && !is_covered(lines, line, true))
		check_found(findings, SEVERITY_WARNING,
					psprintf("%s lets connections in that are not encrypted: values can be heard on the way", describe(line)),
					"write hostssl as its type, and: SELECT pg_reload_conf();");
	if (line->secret_option && place_is_in_data_directory(line->file))
		check_found(findings, SEVERITY_WARNING,
					psprintf("%s has %s in it, in the clear, and every base backup takes that file along", describe(line), line->secret_option),
					"keep pg_hba.conf outside the data directory: ALTER SYSTEM SET hba_file = '/path'; and restart the server");
}

static List *
read_lines(void)
{
	List	   *lines = NIL;
	ListCell   *cell;

	foreach(cell, check_ask(HBA_LINES))
	{
		HbaLine    *line = palloc(sizeof(HbaLine));

		memcpy(line, lfirst(cell), sizeof(HbaLine));
		lines = lappend(lines, line);
	}
	return lines;
}

static void
look_at_lines(Findings *findings)
{
	List	   *lines = read_lines();
	ListCell   *cell;

	foreach(cell, lines)
	{
		const HbaLine *line = lfirst(cell);

		if (is_wrong(line))
			check_found(findings, SEVERITY_INFO,
						psprintf("line %s is wrong, so the server goes on with an older pg_hba.conf, which was not looked at", line->place),
						"SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL; says what is wrong");
		else
			look_at_line(findings, lines, line);
	}
}

/* ---- passwords ---- */

#define MD5_VERIFIERS \
	"SELECT format('the password of role \"%s\" is kept as an MD5 sum, which lets in whoever has it, and is guessed at great speed', rolname), " \
	" format('SET password_encryption = ''scram-sha-256''; and then in psql: %spassword %I', chr(92), rolname) " \
	"FROM pg_authid WHERE rolpassword ~ '^md5[0-9a-f]{32}$' ORDER BY 1"

const CheckTest check_network[] = {
	{.look = look_at_tls},
	{.look = look_at_lines,.is_for_superusers = true},
	{.severity = SEVERITY_WARNING,.sql = MD5_VERIFIERS,.is_for_superusers = true},
	{0}
};
