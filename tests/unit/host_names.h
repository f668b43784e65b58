/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Included before every hypervisor file that is compiled into a unit test; a test of these functions includes it too. */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#define memcpy hv_memcpy
#define memmove hv_memmove
#define memset hv_memset
#define memcmp hv_memcmp
#define memchr hv_memchr
#define strlen hv_strlen
#define strnlen hv_strnlen
#define strcmp hv_strcmp
#define strncmp hv_strncmp
#define strchr hv_strchr
#define strrchr hv_strrchr
#define strstr hv_strstr
#define strlcpy hv_strlcpy
#define strtoull hv_strtoull
#define strtoul hv_strtoul
#define snprintf hv_snprintf
#define vsnprintf hv_vsnprintf
#define printf hv_printf

#endif
