//! The figures as a table and as a picture.

use std::fmt::Write;

use crate::measure::Row;

/// Returns a table for people.
pub fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "{:16} {:>8} {:>8} {:>8} {:>9} {:>7} {:>6} {:>11} {:>6} {:>6} {:>6}\n",
        "CPU ms:", "init", "first", "warm", "warm wall", "peak MB", "calls", "units r + w", "log B", "MB", "zip MB"
    );
    for row in rows {
        let units = format!("{:.1} + {:.1}", row.read_units, row.write_units);
        let _ = writeln!(
            table,
            "{:16} {:8.2} {:8.2} {:8.2} {:9.2} {:7.1} {:6.1} {units:>11} {:6.0} {:6.2} {:6.2}",
            row.name,
            row.init_cpu,
            row.first_cpu,
            row.warm_cpu,
            row.warm_wall,
            row.memory,
            row.calls,
            row.log,
            row.size,
            row.zipped,
        );
    }
    table
}

/// Returns bars of the times to initialise and for the first and a later event, as SVG.
pub fn picture(rows: &[Row]) -> String {
    const LINE: f64 = 26.0;
    const LEFT: f64 = 130.0;
    const WIDTH: f64 = 460.0;
    let longest = rows.iter().map(|row| row.init_cpu + row.first_cpu + row.warm_cpu).fold(1.0, f64::max);
    let height = LINE.mul_add(f64::from(u16::try_from(rows.len()).unwrap_or(u16::MAX)), 50.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>CPU time of each function</title>\n\
         <style>text {{ fill: #24292f }} @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n",
        LEFT + WIDTH + 160.0
    );
    let parts = [("#57606a", "init"), ("#0969da", "first event"), ("#1a7f37", "later event")];
    let mut x = LEFT;
    for (colour, name) in parts {
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"19\">{name}</text>", x + 18.0);
        x += 120.0;
    }
    let mut y = 36.0;
    for row in rows {
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, y + 14.0, row.name);
        let mut x = LEFT;
        for (time, (colour, name)) in [row.init_cpu, row.first_cpu, row.warm_cpu].into_iter().zip(parts) {
            let width = time / longest * WIDTH;
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" fill=\"{colour}\">\
                 <title>{name}: {time:.2} ms</title></rect>"
            );
            x += width;
        }
        let (cold, warm) = (row.init_cpu + row.first_cpu, row.warm_cpu);
        let (x, y_of_text) = (x + 6.0, y + 14.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y_of_text}\">{cold:.1} ms, then {warm:.2}</text>");
        y += LINE;
    }
    svg + "</svg>\n"
}
