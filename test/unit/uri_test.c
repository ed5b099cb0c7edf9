/*
 * uri_test.c: another user and password in a connection URI.
 */
#include "rotation/uri.h"

#include "check.h"

static void
check_uri(const char *uri, const char *user, const char *password, const char *want)
{
	char		out[512];
	size_t		len = 0;
	bool		ok = uri_replace(uri, strlen(uri), user, password, strlen(password), out, sizeof(out), &len);

	if (want == NULL)
		CHECK(!ok, "%s", uri);
	else
		CHECK(ok && len == strlen(want) && memcmp(out, want, len) == 0, "%s: %.*s", uri, (int) len, out);
}

static void
replaced(void)
{
	check_uri("postgresql://a:b@h:5432/d", "u", "p", "postgresql://u:p@h:5432/d");
	check_uri("postgresql://a@h", "u", "p", "postgresql://u:p@h");
	check_uri("postgresql://h", "u", "p", "postgresql://u:p@h");
	check_uri("postgresql://", "u", "p", "postgresql://u:p@");
	check_uri("postgresql:///d?host=/tmp", "u", "p", "postgresql://u:p@/d?host=/tmp");
	check_uri("mysql+x://a:b@[::1]:1/d#f@g", "u", "p", "mysql+x://u:p@[::1]:1/d#f@g");
	check_uri("postgres://a:b@h1:1,h2:2/d?target_session_attrs=any", "u", "p", "postgres://u:p@h1:1,h2:2/d?target_session_attrs=any");
}

/* Of another user nothing is known: the one that is there stays. */
static void
user_stays(void)
{
	check_uri("postgres://a%40b:c@h/d", NULL, "p", "postgres://a%40b:p@h/d");
	check_uri("redis://:old@h", NULL, "p", "redis://:p@h");
	check_uri("redis://h/0", NULL, "p", "redis://:p@h/0");
	check_uri("x://h?user=a&password=b", NULL, "p", "x://:p@h?user=a&password=p");
}

static void
encoded(void)
{
	check_uri("x://h", "a/b@c:d", "%&=?#[] \xc3\xa4", "x://a%2Fb%40c%3Ad:%25%26%3D%3F%23%5B%5D%20%C3%A4@h");
	check_uri("x://h", "u", "aZ09-._~", "x://u:aZ09-._~@h");
}

/* They would win over what is in front. */
static void
parameters(void)
{
	check_uri("x://h/d?user=a&sslmode=require&password=b", "u", "p&q", "x://u:p%26q@h/d?user=u&sslmode=require&password=p%26q");
	check_uri("x://h?passwords=b&superuser=c", "u", "p", "x://u:p@h?passwords=b&superuser=c");
	check_uri("x://h?password=a#password=b", "u", "p", "x://u:p@h?password=p#password=b");
}

/* People do not always encode. */
static void
bare_at(void)
{
	check_uri("x://a:b@c@h/d", "u", "p", "x://u:p@h/d");
	check_uri("x://a:b/c@h/d", "u", "p", NULL);
	check_uri("x://h/a?b=c@d", "u", "p", "x://u:p@h/a?b=c@d");
	check_uri("x://h/a#b@c", "u", "p", "x://u:p@h/a#b@c");
}

static void
no_uri(void)
{
	check_uri("", "u", "p", NULL);
	check_uri("://h", "u", "p", NULL);
	check_uri("host=h user=a", "u", "p", NULL);
	check_uri("a b://h", "u", "p", NULL);
	check_uri("x:/h", "u", "p", NULL);
}

/* Too little room is a refusal, never half a URI; the room that is promised to do does. */
static void
room(void)
{
	static const char uri[] = "x://a:b@h?user=a&password=b";
	char		out[256];
	size_t		len;

	for (size_t size = 0; size < sizeof(out); size++)
	{
		char	   *exact = malloc(size + 1);

		len = 0;
		CHECK(uri_replace(uri, sizeof(uri) - 1, "\xff\xff", "\xff\xff\xff", 3, exact, size, &len) == (size >= 53), "%zu %zu", size, len);
		free(exact);
	}
}

int
main(void)
{
	RUN(replaced);
	RUN(user_stays);
	RUN(encoded);
	RUN(parameters);
	RUN(bare_at);
	RUN(no_uri);
	RUN(room);
	return check_summary("uri");
}
