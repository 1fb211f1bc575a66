<?php // Hashes lines of cost and password.
while (($line = fgets(STDIN)) !== false) {
    [$cost, $password] = explode("\t", rtrim($line, "\n"));
    echo password_hash($password, PASSWORD_BCRYPT, ["cost" => (int) $cost]), "\n";
}
