/* What the kernel's two access layers are asked to grant; shared by plans and by those
 * who enforce. */
#ifndef BJ_MODEL_RIGHTS_H
#define BJ_MODEL_RIGHTS_H

/* What a Landlock rule grants; spelled out per ABI in src/linux/landlock.c. */
enum bj_grant {
    BJ_GRANT_READ,   /* read and execute */
    BJ_GRANT_WRITE,  /* everything but making device nodes */
    BJ_GRANT_DEVICE, /* read, write and ioctl on what is there */
};

/* Which system call filter. */
enum bj_seccomp_profile {
    BJ_SECCOMP_SANDBOX, /* around it is a network namespace of its own, or the host's is wanted */
    BJ_SECCOMP_NO_NETWORK,     /* there is none: Unix sockets only */
    BJ_SECCOMP_NESTING,        /* as SANDBOX; a program inside may make user namespaces */
    BJ_SECCOMP_SANDBOX_LISTED, /* as SANDBOX; only listed programs run */
    BJ_SECCOMP_NO_NETWORK_LISTED,
    BJ_SECCOMP_PROFILE_COUNT
};

#endif
