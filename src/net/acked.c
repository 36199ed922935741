/* SPDX-License-Identifier: Apache-2.0 */
/* acked: see acked.h. The kernel's own header is the one that knows the field, and stands for
 * itself: libc's has other structs of the same names. */
#include "net/acked.h"
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool acked_less_than(int fd, uint64_t bytes)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
	        len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
		return false;
	/* The connection's first number is counted too, and is no byte: one less is not known. */
	return info.tcpi_bytes_acked < bytes;
}
