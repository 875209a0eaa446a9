// SPDX-License-Identifier: Apache-2.0
// Weight memory: one port that reads or writes in a cycle, never both.
// A write replaces the halfwords whose we_i is set.
// Read data follow the address by one cycle and keep their value otherwise.
// TARGET selects the RAM: "ice40" takes the four single-port RAMs of a UP5K, any other value
// leaves the choice to the tool. Content after power-up is undefined, reset does not touch it.
`default_nettype none

module spk_mem_weight #(
    parameter integer WIDTH  = 64,        // bits of a word, multiple of 16
    parameter integer DEPTH  = 16384,     // words, 1 to 65536
    parameter         TARGET = "generic"  // "generic", "ice40" or "ecp5"
) (
    input  wire                                           clk,
    input  wire                                           en_i,
    input  wire [                           WIDTH/16-1:0] we_i,
    input  wire [(DEPTH > 1 ? $clog2(DEPTH) : 1) - 1 : 0] addr_i,
    input  wire [                              WIDTH-1:0] wdata_i,
    output wire [                              WIDTH-1:0] rdata_o
);

  // Only the attribute uses it, which lint does not see; names of targets differ in length.
  /* verilator lint_off UNUSEDPARAM */
  /* verilator lint_off WIDTHEXPAND */
  // "huge" is a word of Yosys for iCE40; other tools stop at it.
  localparam RAM_STYLE = (TARGET == "ice40") ? "huge" : "auto";
  /* verilator lint_on WIDTHEXPAND */
  /* verilator lint_on UNUSEDPARAM */

  (* ram_style = RAM_STYLE, no_rw_check *)
  reg [WIDTH-1:0] mem[0:DEPTH-1]  /*verilator public_flat_rd*/;
  reg [WIDTH-1:0] rdata_q;
  integer k;

  always @(posedge clk) begin
    if (en_i) begin
      for (k = 0; k < WIDTH / 16; k = k + 1) begin
        if (we_i[k]) mem[addr_i][k*16+:16] <= wdata_i[k*16+:16];
      end
      if (~(|we_i)) rdata_q <= mem[addr_i];
    end
  end

  assign rdata_o = rdata_q;

endmodule

`default_nettype wire
