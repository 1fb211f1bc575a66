//! Folders and files that only their owner may read: the data of `cargo local` has signing keys and addresses in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Makes a folder with its parents. One that exists keeps its permissions.
///
/// # Errors
/// When it cannot be made.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file for writing, and makes it where there is none. One that exists becomes private and keeps what it holds.
///
/// # Errors
/// When it cannot be opened, or belongs to another user.
pub fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Makes a file of this name in a folder, and the folder, unless they exist; answers with the file's path.
///
/// # Errors
/// Those of [`create_folder`] and [`open_file`].
pub fn file_in(folder: &Path, name: &str) -> io::Result<PathBuf> {
    create_folder(folder)?;
    let path = folder.join(name);
    open_file(&path)?;
    Ok(path)
}
