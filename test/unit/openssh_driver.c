/*
 * openssh_driver.c: for openssh_differential_test.py.
 *
 * Lines "SEED CHECK COMMENT" in, seed and check in hex; out the private file, the
 * public line, and a line "--".
 */
#include "crypto/codec.h"
#include "crypto/openssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(void)
{
	char		line[512];

	while (fgets(line, sizeof(line), stdin))
	{
		char		private_room[OPENSSH_PRIVATE_ROOM];
		char		public_room[OPENSSH_PUBLIC_ROOM];
		PemText		private_half = {private_room, sizeof(private_room), 0};
		PemText		public_half = {public_room, sizeof(public_room), 0};
		uint8_t		seed[OPENSSH_SEED_LEN];

		line[strcspn(line, "\n")] = '\0';
		if (!codec_from_hex(line, 64, seed)
			|| openssh_write(seed, (uint32_t) strtoul(line + 65, NULL, 16), line + 74, &private_half, &public_half) != CRYPTO_OK)
			return 1;
		printf("%.*s%.*s\n--\n", (int) private_half.len, private_room, (int) public_half.len, public_room);
	}
	return 0;
}
