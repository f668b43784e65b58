/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The version of Xen whose interface this is, shown by xen_version and in CPUID leaf 0x40000001. */
#ifndef PV_VERSION_H
#define PV_VERSION_H
#define ANEL_XEN_MAJOR 4
#define ANEL_XEN_MINOR 17
#define ANEL_EXTRAVERSION "-anel"
#define ANEL_COMPILER "gcc " __VERSION__
#define ANEL_COMPILE_BY "anel"
#endif
