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

/* What SASLprep might change, or forbid, is not for here. */
static void
only_printable_ascii(void)
{
	uint8_t		salt[SCRAM_SALT_LEN] = {0};
	char		out[SCRAM_VERIFIER_SIZE];

	CHECK(!scram_verifier("", 0, 1, salt, out));
	for (int c = 0; c < 256; c++)
	{
		char		password[] = {'a', (char) c, 'b'};

		CHECK(scram_verifier(password, 3, 1, salt, out) == (c >= 0x20 && c <= 0x7e), "%d", c);
	}
}

int
main(void)
{
	RUN(known_answers);
	RUN(only_printable_ascii);
	return check_summary("scram");
}
