// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_FITTER_H_
#define SOAK_LIB_GROWTH_FITTER_H_

// Searches the combinations of forms that fit a series: step 3 of the method (lib/growth/method.h).

#include <Eigen/Core>
#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lib/growth/blocks.h"
#include "lib/growth/forms.h"
#include "lib/growth/frequencies.h"
#include "lib/growth/method.h"

namespace soak::probe::fitting {

// Forms that are added to each other: the line first, if there is one. Of these thousands are made, and none allocates.
using Forms = boost::container::static_vector<Form, kFormsMax + 1>;

// A combination of forms, fitted.
struct Fit {
  Forms forms;
  std::size_t memory = 0;               // Which of kMemory.
  double likelihood = -kInfinity;       // Its logarithm, less what the parameters cost.
  double free_likelihood = -kInfinity;  // The same, without what the line costs.
  double slope = 0;                     // Of the line, per span.
  double error = 0;                     // Its standard error, the places and scales of the forms being known.
  double wide_error = 0;                // The same, the scales of approaches being known about as well as the data say.
  double freedom = 1;
  double onset = 0;        // Of the line.
  bool is_growth = false;  // The line goes up, and outgrows what falls beside it.
  boost::container::static_vector<double, 2 * (kFormsMax + 1)> amplitudes;  // Of the columns.
};

// Searches and fits the forms of one series.
class Fitter {
 public:
  Fitter(const Series& series, const std::vector<int>& frequencies, const Limits& limits);

  void search();

  // Moves the parameters of the best fits from the grid to where they fit best. The best forms at rest are then tried
  // with a line from every onset too: what is excluded, and the interval, are those of the forms that fit best.
  void refine();

  const std::vector<Fit>& at_rest() const { return at_rest_; }
  const std::vector<Fit>& growing() const { return growing_; }

  // A fit that was moved from the grid: one parameter after the other, by ever smaller steps. Scales move by a factor,
  // places by a distance.
  Fit refined(Fit best) const;

  // What a fit leaves of the coefficients, weighted.
  Eigen::VectorXd residuals(const Fit& fit) const;

 private:
  // A combination of forms whose columns have been made orthogonal to each other, and what is left of the others then.
  struct Node {
    std::vector<std::size_t> forms;      // Of the grid.
    std::vector<Eigen::Index> columns;   // All of theirs.
    std::vector<Eigen::VectorXd> along;  // The share of every column in each of the orthogonal directions.
    std::vector<double> heights;         // Of the series, along each of them.
    Eigen::VectorXd norms;               // Squared, of what is left of every column.
    Eigen::VectorXd products;            // Of what is left of every column with the series.
    double squares = 0;                  // Of what is left of the series.
    double cost = 0;
  };

  void prepare(std::size_t memory);

  double likelihood_of(const Node& node) const { return transform_.likelihood(memory_, node.squares, node.cost); }

  void add_column(Node& node, Eigen::Index c) const;

  Node extended(const Node& node, std::size_t form) const;

  bool can_extend(const Node& node, std::size_t form) const;

  // The squares that a form would explain of what a node leaves. Empty if its columns are those of the node already.
  std::optional<double> gain(const Node& node, std::size_t form) const;

  struct Candidate {
    std::size_t node = 0;
    std::size_t form = 0;
    double likelihood = 0;
  };

  bool is_plausible(const Candidate& candidate) const;

  // Extends the nodes by one form after the other, and keeps what is plausible of all that it visits.
  void visit(std::vector<Node> nodes, std::size_t beam);

  // A number for the kinds of forms of a combination.
  std::uint64_t kinds_of(const Node& node, std::size_t form) const;

  // Solves for the amplitudes of the forms of a node and of one more.
  Fit fit_of(const Node& node, std::optional<std::size_t> form, double likelihood) const;

  // Whether the amplitudes have the signs that the forms may have; fills in what the fit says of growth.
  bool examine(Fit& fit) const;

  // A change of level, and where it is or begins.
  struct Jump {
    double at = 0;
    double by = 0;
  };

  // What is left of falls after the rises that follow them: a dip is no tooth.
  static double fallen_in(std::span<Jump> jumps);

  // By how much a form changes over the span.
  static double range_of(const Form& form);

  bool keep(Fit fit);

  // The standard error of the line of a fit if the scales of the approaches beside it may move. `design` has the
  // columns of the fit as unit vectors, and `length` is the norm that the line's had. Fits on the grid have neighbours
  // for that.
  double wide_error(const Fit& fit, const Eigen::MatrixXd& design, double length, double squares) const;

  // Least squares of forms that need not be on the grid.
  Fit solve(const Forms& forms, std::size_t memory, Eigen::VectorXd* left = nullptr) const;

  void refine(std::vector<Fit>& fits);

  static bool is_scale_of(Kind kind, bool second);

  // By how much a place is moved at first: less than the grid's steps.
  static double distance_of(Kind kind);

  const Series& series_;
  Limits limits_;
  Transform transform_;
  std::vector<Form> grid_;
  std::vector<Eigen::Index> first_column_;
  Eigen::VectorXd values_;
  Eigen::MatrixXd raw_;  // The forms of the grid, in the blocks.
  Eigen::RowVectorXd ranges_;

  std::size_t memory_ = 0;  // That is searched in.
  Eigen::RowVectorXd norms_;
  Eigen::MatrixXd gram_;
  Node root_;

  double best_free_ = -kInfinity;
  std::vector<Fit> at_rest_;
  std::vector<Fit> growing_;
};

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_FITTER_H_
