/*
 * scram_test.c: what a server keeps of a password, against Python's hashlib; the
 * first is RFC 7677's own example.
 */
#include "crypto/scram.h"

#include "check.h"

static void
known_answers(void)
{
	static const uint8_t rfc_salt[] = {
		0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81
	};
	uint8_t		salt[SCRAM_SALT_LEN];
	char		out[SCRAM_VERIFIER_SIZE];
	char		longest[4096];

	CHECK(scram_verifier("pencil", 6, 4096, rfc_salt, out));
	CHECK(strcmp(out, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
				 ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=") == 0, "%s", out);
	for (int i = 0; i < SCRAM_SALT_LEN; i++)
		salt[i] = (uint8_t) i;
	CHECK(scram_verifier("~ !\"#", 5, 1, salt, out));
	CHECK(strcmp(out, "SCRAM-SHA-256$1:AAECAwQFBgcICQoLDA0ODw==$Xe5Dp1WDkqYOkJZlu8IU9H+t5tAMsOiXS4d7cbUZFv0="
				 ":Albw+U2VcoAn9wW30hvEQ0dYm7aKZzLeb0y84Dha7iw=") == 0, "%s", out);
	memset(salt, 255, sizeof(salt));
	memset(longest, 'x', sizeof(longest));
	CHECK(scram_verifier(longest, sizeof(longest), 10000, salt, out));
	CHECK(strcmp(out, "SCRAM-SHA-256$10000://///////////////////w==$BlW09Q0UCAWIu74rzcauHI2RjcublAlS4kD82R4qYjc="
				 ":6I40UptP6maEiwwLhsseWU/ihdS0TEEo7EghlibE8V4=") == 0, "%s", out);
}

/* Any bytes are a password; none are not. */
static void
any_bytes(void)
{
	uint8_t		salt[SCRAM_SALT_LEN] = {0};
	char		out[SCRAM_VERIFIER_SIZE];

	CHECK(!scram_verifier("", 0, 1, salt, out));
	CHECK(scram_verifier("\xc3\xa4\xe2\x82\xac", 5, 4096, salt, out));
	CHECK(strcmp(out, "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$hQXjCyUxV0oLXZxAndz50OzUbMPNzXP3HXnkFvjHtv0=:U9VojVKtTCFGQxSjYgts3EU+IIlP1VPo/Z9Hw00zQX4=") == 0, "%s", out);
	for (int c = 0; c < 256; c++)
	{
		char		password[] = {'a', (char) c, 'b'};

		CHECK(scram_verifier(password, 3, 1, salt, out), "%d", c);
		CHECK(scram_verifies(password, 3, out), "%d", c);
		password[1]++;
		CHECK(!scram_verifies(password, 3, out), "%d", c);
	}
}

/* As others write it: with other lengths of salt. */
static void
verifies(void)
{
	static const char *const good[] = {
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
		":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$7:YWJj$JaOq7DTtEFhzXuKm7d2tUAOodH/ROHSM+tNcRp1Redg=:sI8TcDnYWA7JvAuXEnWxKXsH/ZakpOHG2uNqkEqcjMg=", "SCRAM-SHA-256$1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$jDDM1snI/VLlSKtr8Cm8dlt+ochHChA8Cjf3ScsG0yk=:3fGw9b5cgLCHO0dhll9Nv5RmaehW60oIlz2CIWFsDjM="
	};
	static const char *const bad[] = {
		"", "md5", "pencil", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096", "SCRAM-SHA-256$4096:", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
		"SCRAM-SHA-256$1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQg==$tuOGBqp87n5GDBSi1JxYaRtZ0Y4OTzF+Y6MAQW5Iiog=:J5fVcOVU8k40mMTCwQzPRlzPcl+cw8tmS61yYSpTfhs="
	};
	/* Of the good one's pieces. */
	static const char *const changes[][2] = {
		{"256", "512"}, {"$4096:", "$4095:"}, {"$4096:", "$0:"}, {"$4096:", "$-1:"}, {"$4096:", "$5000001:"}, {"$4096:", "$99999999999999999999:"},
		{"W22Z", "X22Z"}, {"gQ==", "gQ="}, {"gQ==", "gR=="}, {"WG5d", "XG5d"}, {"T4qY=", "T4qY"}, {"4qY=:", "4qY=;"}, {"wfPL", "xfPL"}, {"2dU=", "2dU=="},
		{"2dU=", "2dU"}, {"2dU=", "2d!="}, {"2dU=", "2dV="}
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		CHECK(scram_verifies("pencil", 6, good[i]), "%s", good[i]);
		CHECK(!scram_verifies("pencil", 5, good[i]), "%s", good[i]);
		CHECK(!scram_verifies("Pencil", 6, good[i]), "%s", good[i]);
		CHECK(!scram_verifies("", 0, good[i]), "%s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!scram_verifies("pencil", 6, bad[i]), "%s", bad[i]);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		const char *at = strstr(good[0], changes[i][0]);
		char		text[300];

		CHECK(at != NULL, "%s", changes[i][0]);
		snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - good[0]), good[0], changes[i][1], at + strlen(changes[i][0]));
		CHECK(!scram_verifies("pencil", 6, text), "%s", text);
	}
	for (size_t len = 0; len < strlen(good[0]); len++)
	{
		char	   *text = exact_copy(good[0], len + 1);

		text[len] = '\0';
		CHECK(!scram_verifies("pencil", 6, text), "%s", text);
		free(text);
	}
}

/* Against Python's hashlib. */
static void
md5(void)
{
	CHECK(md5_verifies("pencil", 6, "user", "md520c46e3762c864548e296b33c3406aa9"));
	CHECK(md5_verifies("\xc3\xa4", 2, "", "md58419b71c87a225a2c70b50486fbee545"));
	CHECK(!md5_verifies("pencil", 6, "usex", "md520c46e3762c864548e296b33c3406aa9"));
	CHECK(!md5_verifies("pencim", 6, "user", "md520c46e3762c864548e296b33c3406aa9"));
	CHECK(!md5_verifies("pencil", 5, "user", "md520c46e3762c864548e296b33c3406aa9"));
	CHECK(!md5_verifies("pencil", 6, "user", "MD520c46e3762c864548e296b33c3406aa9"));
	CHECK(!md5_verifies("pencil", 6, "user", "md520c46e3762c864548e296b33c3406aa90"));
	CHECK(!md5_verifies("pencil", 6, "user", "md5"));
	CHECK(!md5_verifies("pencil", 6, "user", ""));
}

int
main(void)
{
	RUN(known_answers);
	RUN(any_bytes);
	RUN(verifies);
	RUN(md5);
	return check_summary("scram");
}
